# syntax=docker/dockerfile:1
# docker build -t qsmbids --build-arg TORCH_INDEX=URL .         CPU alone: URL is an index with torch for the CPU
# docker build -t qsmbids:cuda --build-arg DEVICE=cuda .        CUDA and CPU, gigabytes more
# Options, secrets and the way without a daemon: docker/README.md
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build

ARG DEVICE=cpu
ARG TORCH_INDEX=
# a pip configuration of your own may be handed in as the secret `pip`; it leaves no trace in the image
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONFIG_FILE=/run/secrets/pip

RUN python -m venv /opt/qsmbids
ENV PATH=/opt/qsmbids/bin:$PATH

WORKDIR /src
COPY constraints.txt ./
# torch first, since what comes with a build for CUDA is what makes an image large
RUN --mount=type=secret,id=pip \
    pip install -c constraints.txt --no-deps ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && if [ "$DEVICE" != cuda ] && ! grep -q '^cuda.*= None' /opt/qsmbids/lib/python3*/site-packages/torch/version.py; then \
         echo "This torch is built for CUDA: give TORCH_INDEX, an index with torch for the CPU, or DEVICE=cuda." >&2; exit 1; \
       fi
COPY LICENSE README.md pyproject.toml setup.py ./
COPY qsmbids ./qsmbids
RUN --mount=type=secret,id=pip pip install -c constraints.txt ".[registration]"

FROM build AS sbom

RUN python -m venv /opt/sbom
RUN --mount=type=secret,id=pip \
    /opt/sbom/bin/pip install cyclonedx-bom==7.5.0 \
    && /opt/sbom/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml -o /qsmbids.cdx.json /opt/qsmbids

FROM ${BASE}

ARG BASE
ARG REVISION=
LABEL org.opencontainers.image.title="qsmbids" \
      org.opencontainers.image.description="A BIDS app for quantitative susceptibility mapping" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.authors="The qsmbids developers" \
      org.opencontainers.image.base.name="${BASE}"

# Everything lives outside the home folder: Apptainer puts another in its place.
ENV PATH=/opt/qsmbids/bin:$PATH \
    MPLBACKEND=agg \
    MPLCONFIGDIR=/var/cache/qsmbids/matplotlib \
    TEMPLATEFLOW_HOME=/var/cache/qsmbids/templateflow \
    NO_ET=1 \
    PYTHONUNBUFFERED=1

COPY --from=build /opt/qsmbids /opt/qsmbids
COPY --from=sbom /qsmbids.cdx.json /usr/share/sbom/qsmbids.cdx.json

RUN useradd --uid 1000 --no-create-home qsmbids \
    && mkdir -p "$MPLCONFIGDIR" "$TEMPLATEFLOW_HOME" \
    && chmod -R a+rwX /var/cache/qsmbids

USER 1000
WORKDIR /tmp
ENTRYPOINT ["qsmbids"]
CMD ["--help"]
