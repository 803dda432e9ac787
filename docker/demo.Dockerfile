# The demo, from the wheel of this checkout, with the versions that are locked.
FROM python:3.13.14-slim-trixie AS build
WORKDIR /build
COPY requirements/run.txt requirements/
RUN python -m venv /opt/vitalspan
RUN /opt/vitalspan/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/vitalspan/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist .
RUN /opt/vitalspan/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.13.14-slim-trixie
COPY --from=build /opt/vitalspan /opt/vitalspan
ENV PATH=/opt/vitalspan/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 9464
# An error status raises, and so does no answer.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9464/-/ready', timeout=4)"]
ENTRYPOINT ["vitalspan"]
CMD ["demo", "--addr", "0.0.0.0"]
