# One image for every command: `docker run IMAGE worker`, `docker run IMAGE topics apply`, ...
FROM python:3.11.14-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/headgate
COPY constraints.txt pyproject.toml README.md ./
COPY config config
COPY schemas schemas
COPY streams streams
RUN /opt/headgate/bin/pip install --no-cache-dir -c constraints.txt '.[worker]'

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin headgate
COPY --from=build /opt/headgate /opt/headgate
ENV PATH=/opt/headgate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HEADGATE_HTTP_HOST=0.0.0.0 \
    HEADGATE_LOG_FORMAT=json
# By number, so that an orchestrator can see that it is not root.
USER 10001
EXPOSE 8086
ENTRYPOINT ["headgate"]
CMD ["worker"]
