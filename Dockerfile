# syntax=docker/dockerfile:1
# docker build -t qsmbids .     with the torch of pip's own index, which is for CUDA on Linux
# --build-arg TORCH_INDEX=URL   with the torch of another index, such as PyTorch's for the CPU
FROM python:3.11-slim-bookworm AS build

ARG TORCH_INDEX=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=/src/constraints.txt

RUN python -m venv /opt/qsmbids
ENV PATH=/opt/qsmbids/bin:$PATH

WORKDIR /src
COPY constraints.txt ./
# hadolint ignore=DL3013 # the version stands in the constraints
RUN if [ -n "$TORCH_INDEX" ]; then pip install --no-deps --index-url "$TORCH_INDEX" torch; fi
COPY LICENSE README.md pyproject.toml setup.py ./
COPY qsmbids ./qsmbids
RUN pip install .

FROM python:3.11-slim-bookworm

COPY --from=build /opt/qsmbids /opt/qsmbids

# Everything lives outside the home folder: Singularity puts another in its place.
ENV PATH=/opt/qsmbids/bin:$PATH \
    MPLBACKEND=agg \
    MPLCONFIGDIR=/var/cache/qsmbids/matplotlib \
    TEMPLATEFLOW_HOME=/var/cache/qsmbids/templateflow \
    NO_ET=1 \
    PYTHONUNBUFFERED=1

RUN useradd --system --uid 1000 --no-create-home qsmbids \
    && mkdir -p "$MPLCONFIGDIR" "$TEMPLATEFLOW_HOME" \
    && chmod -R a+rwX /var/cache/qsmbids

USER 1000
WORKDIR /tmp
ENTRYPOINT ["qsmbids"]
CMD ["--help"]
