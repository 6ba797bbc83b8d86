import { array, boolean, looseObject, nullish, number, string } from 'valibot'
import type { ExecOptions } from '../../container/exec.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'

/** Height and width. */
export const consoleSize = nullish(array(number()))

const schema = looseObject({
  Cmd: nullish(array(string())),
  Env: nullish(array(string())),
  User: nullish(string()),
  WorkingDir: nullish(string()),
  Tty: nullish(boolean()),
  Privileged: nullish(boolean()),
  AttachStdin: nullish(boolean()),
  AttachStdout: nullish(boolean()),
  AttachStderr: nullish(boolean()),
  DetachKeys: nullish(string()),
  ConsoleSize: consoleSize,
})

/** Makes an exec known, which a later request starts. */
export async function createExec(exchange: Exchange): Promise<void> {
  const document = await exchange.body(nullish(schema, {}))
  const { Cmd, Env, ConsoleSize } = document ?? {}
  if (!Cmd || Cmd.length === 0) throw new ApiError(400, 'No exec command specified')
  const container = await exchange.engine.containers.get(exchange.parameter('id'))
  const options: ExecOptions = {
    env: Env ?? [],
    user: document?.User ?? '',
    workdir: document?.WorkingDir ?? '',
    tty: document?.Tty ?? false,
    privileged: document?.Privileged ?? false,
    interactive: document?.AttachStdin ?? false,
    stdout: document?.AttachStdout ?? false,
    stderr: document?.AttachStderr ?? false,
    detachKeys: document?.DetachKeys ?? '',
    ...sizeOf(ConsoleSize),
  }
  const exec = await container.exec(Cmd, options).create()
  exchange.json(201, { Id: exec.id })
}

/** What is given of a terminal's size. */
export function sizeOf(size: readonly number[] | null | undefined): { rows?: number; columns?: number } {
  const [rows, columns] = size ?? []
  return rows && columns ? { rows, columns } : {}
}
