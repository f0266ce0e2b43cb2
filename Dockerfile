# The workflow with the local reader; docs/deployment.md tells how it is run.
FROM python:3.11-slim

RUN useradd --uid 1000 --create-home pagewave
WORKDIR /app

COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY scripts scripts
RUN python -m pip install -q --no-cache-dir -e '.[embedded]' -c constraints.txt

COPY Snakefile ./
COPY rules rules
COPY profiles profiles
COPY prompts prompts
COPY report report
COPY .env.example ./
COPY config config
COPY resources resources

# What must outlive the container: the ledger first of all. `data` is for your scans and labels.
# Whoever `--user` says may write here.
RUN mkdir -m 1777 .snakemake data results corrections fetched state logs
ENV XDG_CACHE_HOME=/tmp/cache
VOLUME ["/app/results", "/app/corrections", "/app/fetched", "/app/state", "/app/logs"]

USER pagewave
# Of `pagewave monitor`, to be published to 127.0.0.1 of the host.
EXPOSE 8750
ENTRYPOINT ["snakemake", "--profile", "profiles/local"]
