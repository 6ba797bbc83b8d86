/**
 * Spans of OpenTelemetry for what inboard does: `npm install @opentelemetry/api`, and whichever SDK sends them on.
 *
 * @module inboard/otel
 */
export { type TraceOptions, type Tracing, trace } from './trace.js'
