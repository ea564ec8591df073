"""MLflow's own server, by `mnist_etc.serving.mlflow_server`: ``python -m mnist_etc.serving.mlflow [key=value ...]``."""

from mnist_etc.__main__ import door

main = door("mlflow")

if __name__ == "__main__":
    main()
