import { type Container, Engine, FileSystemError, type RunOptions } from 'inboard'
import { trace } from 'inboard/otel'
import type * as services from 'inboard/services'
import type * as testing from 'inboard/testing'
import type * as vitest from 'inboard/vitest'
import type * as wait from 'inboard/wait'

const options: RunOptions = { name: 'web', env: { LEVEL: 'info' } }

/** Never run: what it says has to be right by the package's types. */
export async function typed(): Promise<string> {
  const engine = await Engine.open({ root: '/tmp/root' })
  const container: Container = await engine.run('nginx', [], options)
  const text: string = await container.fs.readFile('/etc/nginx/nginx.conf', 'utf8')
  const bytes: Buffer = await container.fs.readFile('/etc/nginx/nginx.conf')
  // @ts-expect-error A name is text.
  engine.run('nginx').name(80)
  try {
    await container.fs.writeFile('/etc/motd', text)
  } catch (error) {
    if (error instanceof FileSystemError && error.code === 'EROFS') return error.path
  }
  return String(bytes.length)
}

export type Entries = [typeof services, typeof testing, typeof vitest, typeof wait]
export const tracing = trace
