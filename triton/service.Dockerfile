# The HTTP service, without TensorFlow: docker build -f triton/service.Dockerfile -t mnist_etc-service .
FROM python:3.12-slim

# What the service imports, at the versions of the lock.
COPY requirements.txt /tmp/requirements.txt
RUN sed 's/ *\\$//; /--hash/d' /tmp/requirements.txt > /tmp/constraints.txt \
    && pip install --no-cache-dir --constraint /tmp/constraints.txt \
        fastapi hydra-core limits numpy onnxruntime pillow prometheus-fastapi-instrumentator python-multipart scipy \
        'tritonclient[grpc,http]' uvicorn \
    && rm /tmp/requirements.txt /tmp/constraints.txt

WORKDIR /app
COPY conf conf
COPY mnist_etc mnist_etc

USER 1000:1000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]

# Exec form: Python is process 1, so SIGTERM reaches it and requests in flight are answered.
ENTRYPOINT ["python", "-m", "mnist_etc.service"]
