# One image for every part: `up` (all of it), `serve`, `worker`, `sweeper`, `db upgrade`.
FROM python:3.11-slim AS packages

WORKDIR /build
COPY requirements/bootstrap.lock requirements/serve.lock requirements/sample.lock ./
RUN python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r bootstrap.lock \
    && python -m uv venv /opt/affectline \
    && python -m uv pip install --no-cache --compile-bytecode --python /opt/affectline/bin/python \
        --require-hashes -r serve.lock \
    && python -m uv pip install --no-cache --compile-bytecode --python /opt/affectline/bin/python \
        --no-deps --require-hashes -r sample.lock


FROM python:3.11-slim

RUN useradd --system --uid 10001 --home-dir /data affectline \
    && install --directory --owner=affectline --group=affectline --mode=0750 /data

COPY --from=packages /opt/affectline /opt/affectline
COPY storage /srv/affectline/storage
COPY migrations /srv/affectline/migrations
COPY worker /srv/affectline/worker
COPY api /srv/affectline/api
RUN python -m compileall -q /srv/affectline

ENV PATH=/opt/affectline/bin:$PATH \
    PYTHONPATH=/srv/affectline \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AFFECTLINE_DATA=/data \
    AFFECTLINE_HOST=0.0.0.0 \
    AFFECTLINE_PORT=8000

USER affectline
WORKDIR /data
VOLUME /data
EXPOSE 8000

# Ready, not only alive: the database answers too. Workers and the sweeper have no port and switch it off.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]

ENTRYPOINT ["python", "-m", "api.cli"]
CMD ["up"]
