/**
 * Spans of OpenTelemetry for what inboard does.
 *
 * @module inboard/otel
 */
export {}
