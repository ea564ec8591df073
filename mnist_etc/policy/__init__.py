"""What an answer of the served model may tell about the image that was sent."""
