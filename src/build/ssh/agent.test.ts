import { execFile } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SshSource } from '../settings.js'
import { openAgentSocket } from './index.js'
import { KeyAgent } from './key-agent.js'
import { MessageSplitter } from './message-splitter.js'
import { parsePrivateKey } from './private-key.js'
import { string, uint32, WireReader } from './wire.js'

const run = promisify(execFile)
const owner = { mode: 0o600, uid: 0, gid: 0 }

async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'agent-test-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A key as ssh-keygen makes it, and its public half. */
async function makeKey(type: string, ...options: string[]) {
  const path = join(await temporaryDirectory(), 'key')
  await run('ssh-keygen', ['-q', '-t', type, '-f', path, '-C', 'me@here', '-N', '', ...options])
  return { path, key: await readFile(path) }
}

async function open(source: SshSource, options = owner): Promise<string> {
  const socket = await openAgentSocket(source, { directory: await temporaryDirectory(), ...options })
  onTestFinished(() => socket.close())
  return socket.path
}

const asClientOf = (path: string) => ({ env: { ...process.env, SSH_AUTH_SOCK: path } })

const kinds = [
  ['ed25519', 'ED25519', []],
  ['rsa', 'RSA', ['-b', '3072']],
  ['rsa', 'RSA', ['-b', '2048', '-m', 'PEM']],
  ['rsa', 'RSA', ['-b', '2048', '-m', 'PKCS8']],
  ['ecdsa', 'ECDSA', ['-b', '256']],
  ['ecdsa', 'ECDSA', ['-b', '384']],
  ['ecdsa', 'ECDSA', ['-b', '521']],
  ['ecdsa', 'ECDSA', ['-b', '521', '-m', 'PEM']],
] as const

describe.each(kinds)('OpenSSH with a key of %s (%s %j)', (type, shown, options) => {
  test('lists it, and has it sign what OpenSSH verifies', async () => {
    const { path, key } = await makeKey(type, ...options)
    const agent = asClientOf(await open({ keys: [key] }))
    const fingerprint = (await run('ssh-keygen', ['-l', '-f', `${path}.pub`])).stdout.split(' ')[1] as string
    const { stdout } = await run('ssh-add', ['-l'], agent)
    expect(stdout).toContain(fingerprint)
    expect(stdout).toContain(`(${shown})`)

    const message = `${path}.message`
    await writeFile(message, 'to be signed')
    // The private key is not there any more: only the agent has it.
    await rm(path)
    await run('ssh-keygen', ['-q', '-Y', 'sign', '-f', `${path}.pub`, '-n', 'file', message], agent)
    await writeFile(`${path}.allowed`, `me ${await readFile(`${path}.pub`, 'utf8')}`)
    const verify = `ssh-keygen -Y verify -f ${path}.allowed -I me -n file -s ${message}.sig < ${message}`
    expect((await run('/bin/sh', ['-c', verify])).stdout).toContain('Good "file" signature')
  })
})

describe('a forwarded agent', () => {
  async function agentOfTheHost() {
    const path = join(await temporaryDirectory(), 'agent')
    const { stdout } = await run('ssh-agent', ['-a', path])
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1])
    onTestFinished(() => void process.kill(pid))
    const { path: key } = await makeKey('ed25519')
    await run('ssh-add', ['-q', key], asClientOf(path))
    return { path, key }
  }

  test('signs with the keys that it has', async () => {
    const { path, key } = await agentOfTheHost()
    const agent = asClientOf(await open({ socket: path }))
    expect((await run('ssh-add', ['-l'], agent)).stdout).toContain('me@here (ED25519)')
    await run('ssh-add', ['-T', `${key}.pub`], agent)
  })

  test.each([
    ['adds', ['-q']],
    ['removes', ['-d']],
  ])('%s no key', async (_, options) => {
    const { path, key } = await agentOfTheHost()
    const agent = asClientOf(await open({ socket: path }))
    const other = options[0] === '-d' ? key : (await makeKey('ed25519')).path
    await expect(run('ssh-add', [...options, other], agent)).rejects.toThrow()
    await expect(run('ssh-add', ['-D'], agent)).rejects.toThrow()
    expect((await run('ssh-add', ['-l'], asClientOf(path))).stdout.trim().split('\n')).toHaveLength(1)
  })

  test('that is gone fails for the client, and for nobody else', async () => {
    const path = await open({ socket: '/nowhere/agent' })
    await expect(run('ssh-add', ['-l'], asClientOf(path))).rejects.toThrow()
    expect(await ask(path, Buffer.of(11))).toEqual(Buffer.of(5))
  })

  test('that answers with more than a message may have, or not at all, fails for the client', async () => {
    const path = join(await temporaryDirectory(), 'liar')
    const answers = [uint32(0x7fffffff), uint32(0), Buffer.of()]
    const server = createServer((socket) => socket.on('error', () => {}).end(answers.shift() ?? Buffer.of()))
    onTestFinished(() => void server.close())
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const forwarded = await open({ socket: path })
    for (let time = 0; time < 3; time++) expect(await ask(forwarded, Buffer.of(11))).toEqual(Buffer.of(5))
  })
})

describe('the socket of an agent', () => {
  const keys = () =>
    [generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })].map(Buffer.from)

  test('has the mode and the owner that were asked for', async () => {
    const path = await open({ keys: keys() }, { mode: 0o640, uid: 1000, gid: 1001 })
    const { mode, uid, gid } = await stat(path)
    expect([mode & 0o777, uid, gid]).toEqual([0o640, 1000, 1001])
  })

  test('is gone when it is closed, also for who is connected', async () => {
    const socket = await openAgentSocket({ keys: keys() }, { directory: await temporaryDirectory(), ...owner })
    const client = connect(socket.path)
    await new Promise((resolve) => client.once('connect', resolve))
    const closed = new Promise((resolve) => client.once('close', resolve))
    await socket.close()
    client.resume()
    await closed
    await expect(stat(socket.path)).rejects.toThrow('ENOENT')
  })

  test('may be at a path that is longer than addresses are', async () => {
    const directory = join(await temporaryDirectory(), 'x'.repeat(200))
    await run('mkdir', [directory])
    const socket = await openAgentSocket({ keys: keys() }, { directory, ...owner })
    onTestFinished(() => socket.close())
    await expect(stat(socket.path)).resolves.toBeDefined()
  })

  test('answers whatever it is sent with messages, or hangs up, and goes on serving', async () => {
    const path = await open({ keys: keys() })
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.nat(40), fc.uint8Array({ maxLength: 100 }))
        .map(([length, bytes]) => Buffer.concat([uint32(length), bytes])),
      fc.uint8Array({ maxLength: 100 }).map((bytes) => string(Buffer.concat([Buffer.of(13), bytes]))),
    )
    await fc.assert(
      fc.asyncProperty(hostile, async (bytes) => {
        const answer = await exchange(path, Buffer.from(bytes))
        const messages = new MessageSplitter().push(answer)
        expect(messages.every((message) => message[0] === 5 || message[0] === 12)).toBe(true)
      }),
      { numRuns: 300 },
    )
    expect((await ask(path, Buffer.of(11)))[0]).toBe(12)
  })

  test('hangs up on who announces more than a message may have', async () => {
    const path = await open({ keys: keys() })
    expect(await exchange(path, uint32(256 * 1024 + 1))).toEqual(Buffer.of())
    expect(await exchange(path, uint32(0))).toEqual(Buffer.of())
  })

  test('takes a message that comes byte by byte, and several that come at once', async () => {
    const path = await open({ keys: keys() })
    const client = connect(path)
    onTestFinished(() => void client.destroy())
    for (const byte of string(Buffer.of(11))) await new Promise((resolve) => client.write(Buffer.of(byte), resolve))
    expect((await nextMessage(client))[0]).toBe(12)
    const many = Array.from({ length: 50 }, () => string(Buffer.of(11)))
    const answers = new MessageSplitter().push(await exchange(path, Buffer.concat(many)))
    expect(answers.map(([type]) => type)).toEqual(Array(50).fill(12))
  })

  test('serves no more than some at once, and who leaves makes room', async () => {
    const path = await open({ keys: keys() })
    const clients = await Promise.all(Array.from({ length: 200 }, () => opened(path)))
    for (const client of clients) client.destroy()
    await expect
      .poll(() =>
        ask(path, Buffer.of(11)).then(
          ([type]) => type,
          () => undefined,
        ),
      )
      .toBe(12)
  })

  test('lets who does not read wait, and keeps nothing more for him', async () => {
    const path = await open({ keys: keys() })
    const client = connect(path)
    onTestFinished(() => void client.destroy())
    client.pause()
    const request = string(Buffer.of(11))
    let written = 0
    // Sooner or later nobody takes what is sent.
    while (client.write(Buffer.concat(Array(1000).fill(request))) || (await drained(client))) written += 1000
    expect(written).toBeLessThan(1_000_000)
    expect((await ask(path, Buffer.of(11)))[0]).toBe(12)
  })
})

describe('keys', () => {
  const pem = () =>
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' })

  test('sign with RSA and SHA-2 only', async () => {
    const key = parsePrivateKey(Buffer.from(pem()))
    const agent = new KeyAgent([key])
    const sign = (flags: number) =>
      Promise.resolve()
        .then(() => agent.answer(Buffer.concat([Buffer.of(13), string(key.blob), string('data'), uint32(flags)])))
        .then((answer) => new WireReader(new WireReader(answer.subarray(1)).string()).text())
    await expect(sign(2)).resolves.toBe('rsa-sha2-256')
    await expect(sign(4)).resolves.toBe('rsa-sha2-512')
    await expect(sign(0)).rejects.toThrow('SHA-1')
  })

  test('with a passphrase are refused, and nothing of them is told', async () => {
    const path = join(await temporaryDirectory(), 'key')
    const encrypted = [[], ['-m', 'PEM'], ['-m', 'PKCS8']]
    for (const [index, format] of encrypted.entries()) {
      await run('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-f', `${path}${index}`, '-N', 'passphrase', ...format])
      const key = await readFile(`${path}${index}`)
      expect(() => parsePrivateKey(key)).toThrow()
      expect(() => openAgentSocket({ keys: [key] }, { directory: '/nowhere', ...owner })).toThrow(
        expect.objectContaining({ code: 'BUILD_FAILED', message: expect.stringContaining('it has a passphrase') }),
      )
    }
  })

  test('that are none are refused, whatever they are', () => {
    const head = '-----BEGIN OPENSSH PRIVATE KEY-----\n'
    const tail = '\n-----END OPENSSH PRIVATE KEY-----\n'
    const openssh = fc.uint8Array({ maxLength: 200 }).map((bytes) => {
      const body = Buffer.concat([
        Buffer.from('openssh-key-v1\0'),
        string('none'),
        string('none'),
        string(''),
        uint32(1),
        bytes,
      ])
      return `${head}${body.toString('base64')}${tail}`
    })
    fc.assert(
      fc.property(fc.oneof(fc.string(), openssh), (text) => {
        expect(() => parsePrivateKey(Buffer.from(text))).toThrow()
      }),
      { numRuns: 500 },
    )
  })

  test('that are damaged are refused, or are keys', async () => {
    const { key } = await makeKey('ed25519')
    const body = Buffer.from(key.toString().replace(/-----.*-----|\n/g, ''), 'base64')
    for (let time = 0; time < 300; time++) {
      const damaged = Buffer.from(body)
      damaged[time % body.length] = randomBytes(1)[0] as number
      const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${damaged.subarray(0, body.length - (time % 3)).toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`
      try {
        expect(parsePrivateKey(Buffer.from(text)).blob.length).toBeGreaterThan(0)
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
      }
    }
  })
})

/** All that comes back until the other side hangs up, or has nothing more to say. */
async function exchange(path: string, bytes: Buffer): Promise<Buffer> {
  const socket = connect(path)
  const parts: Buffer[] = []
  socket.on('data', (chunk) => parts.push(chunk))
  socket.on('error', () => {})
  socket.end(bytes)
  await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(parts)
}

async function ask(path: string, request: Buffer): Promise<Buffer> {
  const [answer] = new MessageSplitter().push(await exchange(path, string(request)))
  if (!answer) throw new Error('no answer')
  return answer
}

async function nextMessage(socket: Socket): Promise<Buffer> {
  const splitter = new MessageSplitter()
  for await (const chunk of socket) for (const message of splitter.push(chunk as Buffer)) return message
  throw new Error('no message')
}

async function opened(path: string): Promise<Socket> {
  const socket = connect(path)
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  return socket
}

/** Whether what was sent is taken within a while. */
function drained(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 500)
    socket.once('drain', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
