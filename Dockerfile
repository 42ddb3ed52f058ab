# Parallax as a container: the sidecar alone, without the servers of the demo.
#
#   docker build -t parallax .
#   docker run --rm -p 127.0.0.1:27018:27018 -e PARALLAX_LEGACY_URI -e PARALLAX_GATEWAY_URI -v parallax:/var/lib/parallax parallax

FROM python:3.11-slim-bookworm AS build

# pip stays in this stage: it installs into an environment that has none.
RUN python -m venv --without-pip /opt/parallax

WORKDIR /build
COPY requirements.serve.lock ./
RUN pip --python /opt/parallax/bin/python install --no-cache-dir --no-compile --only-binary :all: --require-hashes -r requirements.serve.lock

COPY pyproject.toml README.md ./
COPY adapters adapters
COPY comparators comparators
COPY config config
COPY dashboards dashboards
COPY proxy proxy
RUN pip --python /opt/parallax/bin/python install --no-cache-dir --no-deps . \
    && /opt/parallax/bin/python -m compileall -q /opt/parallax/lib


FROM python:3.11-slim-bookworm

RUN groupadd --gid 10001 parallax \
    && useradd --uid 10001 --gid parallax --no-create-home --home-dir /var/lib/parallax --shell /usr/sbin/nologin parallax \
    && install -d -o parallax -g parallax -m 0700 /var/lib/parallax

COPY --from=build /opt/parallax /opt/parallax

# Inside a container every interface is the container's own; publish the port on 127.0.0.1 outside.
ENV PATH=/opt/parallax/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PARALLAX_LISTEN_ADDRESS=0.0.0.0:27018 \
    PARALLAX_DATA_DIRECTORY=/var/lib/parallax

USER 10001:10001
WORKDIR /var/lib/parallax
VOLUME /var/lib/parallax
EXPOSE 27018

# The relay answers `hello`: the application is served. It says nothing of the gateway, which may be down.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["parallax", "status", "--health"]

ENTRYPOINT ["parallax"]
CMD ["serve"]
