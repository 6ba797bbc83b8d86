import { invalidOption } from '../spec/invalid.js'
import type { Container } from './container.js'
import type { ContainerContext, Live } from './context.js'
import type { Readiness } from './wait-strategy.js'

/** What is expected of a container when it was started. */
export interface ExpectedReadiness {
  readonly ready: readonly Readiness[]
  /** Default 60,000. */
  readonly timeoutMs: number | undefined
  /** One that does not become ready is removed. */
  readonly isEphemeral: boolean
}

const usualTimeoutMs = 60_000

/** Waits for it. */
export async function expectReady(
  context: ContainerContext,
  container: Container,
  expected: ExpectedReadiness,
  { signal, live }: { readonly signal?: AbortSignal | undefined; readonly live?: Live | undefined },
): Promise<void> {
  const { ready, timeoutMs = usualTimeoutMs } = checkExpected(expected)
  const { waitReady } = await import('./readiness.js')
  try {
    await waitReady(context, container, ready, { timeoutMs, signal, live })
  } catch (error) {
    // What comes of that is the engine's to finish: the first failure is what counts.
    if (expected.isEphemeral && !context.closing.aborted)
      await container.remove({ force: true, volumes: true }).catch(() => {})
    throw error
  }
}

/** @throws {InvalidOptionError} INVALID_OPTION */
export function checkExpected(expected: ExpectedReadiness): ExpectedReadiness {
  for (const one of expected.ready)
    if (typeof one !== 'function' && typeof (one as { wait?: unknown } | undefined)?.wait !== 'function')
      throw invalidOption('waitFor', `invalid value for waitFor: ${String(one)}`, 'give a strategy, or a function', one)
  const { timeoutMs = usualTimeoutMs } = expected
  if (!(timeoutMs > 0))
    throw invalidOption('waitTimeout', `invalid timeout: ${timeoutMs}`, 'give milliseconds above 0', timeoutMs)
  return expected
}
