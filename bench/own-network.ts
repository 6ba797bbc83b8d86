import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const preload = fileURLToPath(new URL('../test/support/own-network.cjs', import.meta.url))

/** Whether this process, and with it all that it starts, is in a network namespace that was made for it. */
export function isInOwnNetwork(): boolean {
  return process.env.INBOARD_OWN_NETWORK !== undefined
}

/** Runs this program once more, in a network namespace of its own with its loopback up, and gives its exit code. */
export async function runAgainInOwnNetwork(): Promise<number> {
  const args = ['--require', preload, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  // A terminal interrupts both; the child has to clean up.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
