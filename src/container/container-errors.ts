import { InvalidStateError } from '../errors/index.js'

/** What a container cannot do from where it is. */
export function invalidState(
  message: string,
  details: { readonly container: string; readonly from: string; readonly to: string },
  cause?: unknown,
): InvalidStateError {
  return new InvalidStateError(message, { code: 'INVALID_STATE', cause, details })
}

export function notRunning(container: string, to: string, cause?: unknown): InvalidStateError {
  return invalidState(`Container ${container} is not running`, { container, from: 'exited', to }, cause)
}
