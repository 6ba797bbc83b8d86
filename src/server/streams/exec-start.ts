import { boolean, looseObject, nullish } from 'valibot'
import type { ExecProcess } from '../../container/exec.js'
import type { ExecStartOptions } from '../../container/exec-created.js'
import type { Exec } from '../../container/exec-handle.js'
import type { ExecInspect } from '../../container/exec-inspect.js'
import { LaunchError, NotFoundError } from '../../errors/index.js'
import { inTime } from '../../sockets/in-time.js'
import type { Exchange } from '../exchange.js'
import { failureOf } from '../failures.js'
import { frame } from '../frames.js'
import { consoleSize, sizeOf } from './exec-create.js'
import { afterInput, carry, type Dialogue, finish, hijackFor } from './hijacked.js'
import { launchFailure } from './start.js'

const schema = looseObject({
  Detach: nullish(boolean()),
  Tty: nullish(boolean()),
  ConsoleSize: consoleSize,
})

/** Starts an exec that was created before: its streams are the connection's, unless it is detached. */
export async function startExec(exchange: Exchange): Promise<void> {
  const document = await exchange.body(nullish(schema, {}))
  const exec = await exchange.engine.containers.getExec(exchange.parameter('id'))
  const size = sizeOf(document?.ConsoleSize)
  if (!document?.Detach) return startAttached(exchange, exec, document?.Tty ?? false, size)
  await exec.detach(size).catch((error: unknown) => {
    throw launchFailure(error, 'exec')
  })
  exchange.empty(200)
}

async function startAttached(exchange: Exchange, exec: Exec, tty: boolean, size: ExecStartOptions): Promise<void> {
  const inspected = await exec.inspect()
  try {
    const process = await exec.start(size)
    await carry(hijackFor(exchange, !tty), dialogueOf(process, inspected, !tty))
  } catch (error) {
    const isUserMissing = error instanceof NotFoundError && error.code === 'USER_NOT_FOUND'
    if (!(error instanceof LaunchError) && !isUserMissing) throw error
    tellFailure(exchange, tty, failureOf(launchFailure(error, 'exec')).message)
  }
}

/** So long the output of those is awaited, as under Docker, whom a process has left behind with its descriptors. */
const othersMs = 2_000

function dialogueOf(
  process: ExecProcess,
  { OpenStdin, OpenStdout, OpenStderr, ProcessConfig }: ExecInspect,
  isMultiplexed: boolean,
): Dialogue {
  const { stdin, stdout, stderr, detached } = process
  if (!OpenStdout) stdout.resume()
  if (!OpenStderr) stderr.resume()
  const letGo = () => (ProcessConfig.tty ? afterInput(stdin, () => process.detach()) : stdin.end())
  return {
    outputs: { ...(OpenStdout && { stdout }), ...(OpenStderr && { stderr }) },
    stdin: OpenStdin ? stdin : undefined,
    isMultiplexed,
    async over(delivered) {
      await detached
      await inTime(delivered, othersMs)
      process.detach()
    },
    onInputEnd: () => OpenStdin && letGo(),
    onGone: letGo,
  }
}

/** Docker's clients read in the stream why the process could not be started, and then ask for its exit code. */
function tellFailure(exchange: Exchange, tty: boolean, message: string): void {
  const socket = hijackFor(exchange, !tty)
  const text = Buffer.from(`${message}\r\n`)
  for (const chunk of tty ? [text] : frame('stdout', text)) socket.write(chunk)
  finish(socket)
}
