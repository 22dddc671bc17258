# The api with its store as a volume. Two stages: uv and the lock stay out of the final image.
FROM python:3.11-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=0
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir uv==0.13.9
WORKDIR /opt/awase
RUN python -m venv /opt/awase/.venv
COPY requirements.lock ./
RUN VIRTUAL_ENV=/opt/awase/.venv /opt/build/bin/uv pip sync requirements.lock
COPY . .
RUN VIRTUAL_ENV=/opt/awase/.venv /opt/build/bin/uv pip install --no-deps ./client -e .

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin awase \
    && install -d -o awase -g awase /store
COPY --from=build /opt/awase /opt/awase
ENV PATH=/opt/awase/.venv/bin:$PATH AWASE_STORE=/store PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba
USER 10001
VOLUME /store
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["awase", "serve", "--host", "0.0.0.0", "--port", "8080"]
