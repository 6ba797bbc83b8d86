import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../support/api.js'
import { Terminal } from '../support/terminal.js'

let api: TestApi
beforeAll(async () => {
  api = await testApi(['busybox'])
})
afterAll(() => api[Symbol.asyncDispose]())

/** A real terminal of 33 lines and 91 columns, in which a docker command runs. */
function terminalOf(client: string, args: string) {
  const line = `stty rows 33 cols 91; exec ${client} ${args}`
  const child = spawn('script', ['-qfec', line, '/dev/null'], {
    env: { ...process.env, ...api.env, SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit').then(([code]) => code as number)
  return { terminal: new Terminal(child), exited }
}

const isRunning = async (name: string) => (await api.request('GET', `/containers/${name}/json`)).document.State.Running
const remove = (name: string) => api.request('DELETE', `/containers/${name}?force=1`)
const letGo = '\u0010\u0011'

describe.each(['/usr/bin/docker', '/usr/local/bin/docker'])('%s', (client) => {
  test('run -it is a shell on a terminal of that size, and ends with its exit code', async () => {
    const { terminal, exited } = terminalOf(client, 'run -it --rm busybox sh')
    await terminal.until('/ # ')
    terminal.enter('stty size; tty')
    expect(await terminal.until('/dev/pts/0')).toContain('33 91')
    terminal.enter('exit 4')
    expect(await exited).toBe(4)
  })

  test('ctrl-p ctrl-q lets go of it, attach comes back to it', async () => {
    const first = terminalOf(client, 'run -it --name shell busybox sh')
    await first.terminal.until('/ # ')
    first.terminal.enter('kept=ye')
    first.terminal.type(letGo)
    await first.exited
    expect(await isRunning('shell')).toBe(true)
    const second = terminalOf(client, 'attach shell')
    await second.terminal.until('# ')
    second.terminal.enter('echo $' + '{kept}s')
    await second.terminal.until('yes')
    second.terminal.type(letGo)
    await second.exited
    expect(await isRunning('shell')).toBe(true)
    const third = terminalOf(client, 'attach --detach-keys x shell')
    await third.terminal.until('# ')
    third.terminal.enter('echo a$((1+1))')
    await third.terminal.until('a2')
    third.terminal.type('x')
    await third.exited
    expect(await isRunning('shell')).toBe(true)
    await remove('shell')
  })

  test('exec -it is a shell beside it, which is let go of, too', async () => {
    await api.docker(['run', '-d', '--name', 'host', 'busybox', 'sleep', '1000'])
    const first = terminalOf(client, 'exec -it host sh')
    await first.terminal.until('/ # ')
    first.terminal.enter('tty; exit 6')
    expect(await first.exited).toBe(6)
    const second = terminalOf(client, 'exec -it host sh')
    await second.terminal.until('/ # ')
    second.terminal.type(letGo)
    await second.exited
    expect((await api.docker(['top', 'host'])).stdout).toMatch(/ sh$/m)
    await remove('host')
  })
})

test('nothing is left', async () => {
  expect(await api.leaks()).toEqual([])
})
