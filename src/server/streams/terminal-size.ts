import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'

/** What a request to resize a terminal asks for. @throws {ApiError} 400 when it has none */
export function terminalSize({ query }: Exchange): { readonly rows: number; readonly columns: number } {
  return { rows: side(query.integer('h'), 'height'), columns: side(query.integer('w'), 'width') }
}

/** The kernel's are of 16 bits. */
function side(value: number | undefined, what: string): number {
  if (value !== undefined && value >= 0 && value <= 0xffff) return value
  throw new ApiError(400, `invalid resize ${what}: give a whole number from 0 to 65535`)
}
