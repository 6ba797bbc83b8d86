import inboard = require('inboard')
import otel = require('inboard/otel')

export const open = (): Promise<inboard.Engine> => inboard.Engine.open()
export const tracing = otel.trace
