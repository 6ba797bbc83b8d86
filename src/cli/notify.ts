import { spawn } from 'node:child_process'

/**
 * Tells systemd how this service is, when it wants to know. By systemd's own program, which speaks for the process that calls
 * it: Node has no datagram sockets of this kind.
 *
 * @see sd_notify(3), systemd-notify(1)
 */
export async function notify(...words: readonly string[]): Promise<void> {
  if (!process.env.NOTIFY_SOCKET) return
  const child = spawn('systemd-notify', words, { stdio: ['ignore', 'ignore', 'inherit'] })
  const failure = await new Promise<string | undefined>((resolve) => {
    child.once('error', ({ message }) => resolve(message))
    child.once('close', (code) => resolve(code === 0 ? undefined : `exit code ${code}`))
  })
  if (failure !== undefined) process.stderr.write(`inboard serve: systemd could not be told: ${failure}\n`)
}
