# The collector, with a program for its health check: its image has but itself. BusyBox's musl build
# needs no library, and by this name it is wget and nothing else.
FROM busybox:1.37.0-musl AS busybox

FROM otel/opentelemetry-collector:0.159.0
COPY --from=busybox /bin/busybox /bin/wget
