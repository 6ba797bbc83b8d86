import type { BuildStep, OnBuildEvent } from './progress.js'

/** Tells when a step begins, and how it ends. */
export async function timed<Result>(
  onEvent: OnBuildEvent,
  step: BuildStep,
  body: () => Promise<Result>,
): Promise<Result> {
  const began = performance.now()
  const end = (status: 'done' | 'failed') =>
    onEvent({ kind: 'step', step, status, durationMs: performance.now() - began })
  onEvent({ kind: 'step', step, status: 'started' })
  try {
    const result = await body()
    end('done')
    return result
  } catch (error) {
    end('failed')
    throw error
  }
}
