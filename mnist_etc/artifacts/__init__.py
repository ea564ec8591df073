"""What a training leaves on disk: names, manifests that vouch for them, publication in one step."""
