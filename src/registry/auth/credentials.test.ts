import { execFile } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { configDirectory, directory } from '../fixture.js'
import { openCredentials } from './credentials.js'

const pair = (text: string) => Buffer.from(text).toString('base64')
const open = (dockerConfigDirectory: string) => openCredentials({ dockerConfigDirectory }, {})
const document = (path: string) => JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'))
const failure = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error)
const ada = { username: 'ada', password: 'correct-horse' }

describe('looked up in config.json', () => {
  test.each([
    ['reg.example', { 'reg.example': { auth: pair('ada:correct-horse') } }, ada],
    ['reg.example:5000', { 'https://reg.example:5000/v1/': { auth: pair('ada:correct-horse') } }, ada],
    ['reg.example', { 'http://reg.example': { auth: pair('ada:correct-horse') } }, ada],
    ['reg.example', { 'reg.example:5000': { auth: pair('ada:correct-horse') } }, undefined],
    ['reg.example', { 'other.example': { auth: pair('ada:correct-horse') } }, undefined],
    ['docker.io', { 'https://index.docker.io/v1/': { auth: pair('ada:correct-horse') } }, ada],
    ['docker.io', { 'docker.io': { auth: pair('ada:correct-horse') } }, ada],
    ['reg.example', { 'reg.example': { auth: pair('ada:a:b:c') } }, { username: 'ada', password: 'a:b:c' }],
    ['reg.example', { 'reg.example': { username: 'ada', password: 'correct-horse' } }, ada],
    [
      'reg.example',
      { 'reg.example': { auth: pair('ada:'), identitytoken: 'id' } },
      { username: 'ada', password: '', identityToken: 'id' },
    ],
    ['reg.example', { 'reg.example': { registrytoken: 'token' } }, { registryToken: 'token' }],
    ['reg.example', { 'reg.example': {} }, undefined],
    ['__proto__', { 'reg.example': {} }, undefined],
    ['reg.example', 'no object', undefined],
  ])('%s in %j', async (registry, auths, expected) => {
    expect(await open(configDirectory({ auths })).lookup(registry)).toEqual(expected)
  })

  test('there are none without the file or its directory', async () => {
    expect(await open(directory()).lookup('reg.example')).toBeUndefined()
    expect(await open('/nonexistent/docker').lookup('reg.example')).toBeUndefined()
  })

  test('the directory is that of DOCKER_CONFIG, or .docker in HOME', async () => {
    const config = { auths: { 'reg.example': { auth: pair('ada:correct-horse') } } }
    expect(await openCredentials({}, { DOCKER_CONFIG: configDirectory(config) }).lookup('reg.example')).toEqual(ada)
    const home = directory()
    symlinkSync(configDirectory(config), join(home, '.docker'))
    expect(await openCredentials({}, { HOME: home }).lookup('reg.example')).toEqual(ada)
  })

  test('a file that is no JSON is an error without its content', async () => {
    const path = directory()
    writeFileSync(join(path, 'config.json'), '{"auths": {"reg.example": {"auth": "c2VjcmV0", correct-horse')
    const error = await failure(open(path).lookup('reg.example'))
    expect(error).toMatchObject({ name: 'AuthError', code: 'CREDENTIALS_FAILED' })
    expect(inspect(error, { depth: 10 })).not.toMatch(/c2VjcmV0|correct-horse/)
  })

  test('an entry that is no pair is an error without its content', async () => {
    const error = await failure(
      open(configDirectory({ auths: { 'reg.example': { auth: pair('correct-horse') } } })).lookup('reg.example'),
    )
    expect(error).toMatchObject({ code: 'CREDENTIALS_FAILED', details: { registry: 'reg.example' } })
    expect(inspect(error, { depth: 10 })).not.toMatch(new RegExp(`correct-horse|${pair('correct-horse')}`))
  })
})

describe('stored in config.json', () => {
  test('as Docker writes them, with all else kept, readable by their owner only', async () => {
    const path = configDirectory({ HttpHeaders: { a: 'b' }, auths: { 'other.example': { auth: pair('x:y') } } })
    chmodSync(join(path, 'config.json'), 0o644)
    const credentials = open(path)
    await credentials.store('reg.example:5000', ada)
    expect(document(path)).toEqual({
      HttpHeaders: { a: 'b' },
      auths: { 'other.example': { auth: pair('x:y') }, 'reg.example:5000': { auth: pair('ada:correct-horse') } },
    })
    expect(statSync(join(path, 'config.json')).mode & 0o777).toBe(0o600)
    expect(readdirSync(path)).toEqual(['config.json'])
    expect(await credentials.lookup('reg.example:5000')).toEqual(ada)
  })

  test("Docker Hub's stand under its old address, an identity token in place of the password", async () => {
    const path = join(directory(), 'made')
    await open(path).store('docker.io', { username: 'ada', identityToken: 'id' })
    expect(document(path)).toEqual({
      auths: { 'https://index.docker.io/v1/': { auth: pair('ada:'), identitytoken: 'id' } },
    })
  })

  test('replace what was there under another key', async () => {
    const path = configDirectory({ auths: { 'https://reg.example/v1/': { auth: pair('old:old') } } })
    await open(path).store('reg.example', ada)
    expect(document(path)).toEqual({ auths: { 'reg.example': { auth: pair('ada:correct-horse') } } })
  })

  test('go where a link leads', async () => {
    const kept = configDirectory({})
    const path = directory()
    symlinkSync(join(kept, 'config.json'), join(path, 'config.json'))
    await open(path).store('reg.example', ada)
    expect(document(kept)).toHaveProperty('auths')
    expect(document(path)).toEqual(document(kept))
  })

  test('erased are gone, under all their keys, and nothing else is', async () => {
    const auths = { 'reg.example': {}, 'https://reg.example/v1/': {}, 'other.example': { auth: pair('x:y') } }
    const path = configDirectory({ auths, detachKeys: 'ctrl-e' })
    await open(path).erase('reg.example')
    expect(document(path)).toEqual({ auths: { 'other.example': { auth: pair('x:y') } }, detachKeys: 'ctrl-e' })
  })

  test('erasing what is not there writes nothing', async () => {
    const path = directory()
    await open(path).erase('reg.example')
    expect(readdirSync(path)).toEqual([])
  })

  test('by several processes at once are all there', async () => {
    const path = directory()
    const module = fileURLToPath(new URL('./credentials.ts', import.meta.url))
    const program = (name: string) => `
      import { openCredentials } from ${JSON.stringify(module)}
      const credentials = openCredentials({ dockerConfigDirectory: ${JSON.stringify(path)} })
      await Promise.all(Array.from({ length: 10 }, (_, index) =>
        credentials.store('${name}-' + index + '.example', { username: 'ada', password: 'x' })))`
    const run = (name: string) =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program(name)])
    await Promise.all(['a', 'b', 'c'].map(run))
    expect(Object.keys(document(path).auths)).toHaveLength(30)
    expect(readdirSync(path)).toEqual(['config.json'])
  })

  test('a lock whose holder is gone does not stand in the way', async () => {
    const path = configDirectory({})
    writeFileSync(join(path, 'config.json.inboard-lock'), '4194399')
    await open(path).store('reg.example', ada)
    expect(readdirSync(path)).toEqual(['config.json'])
  })

  test('waiting for a lock ends with the signal', async () => {
    const path = configDirectory({})
    writeFileSync(join(path, 'config.json.inboard-lock'), String(process.pid))
    const stored = open(path).store('reg.example', ada, AbortSignal.timeout(50))
    await expect(stored).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(readdirSync(path).sort()).toEqual(['config.json', 'config.json.inboard-lock'])
  })
})

/** A helper `docker-credential-test` in PATH, which keeps what it is given in a file. */
function helper(script = keeps): { readonly at: string } {
  const at = directory()
  const program = join(at, 'docker-credential-test')
  writeFileSync(program, `#!/bin/sh\ncd "${at}"\n${script}\n`)
  chmodSync(program, 0o755)
  const before = process.env.PATH
  process.env.PATH = `${at}:${before}`
  onTestFinished(() => {
    process.env.PATH = before
  })
  return { at }
}

const keeps = `
case $1 in
  store) cat > kept ;;
  get) read -r server; echo "$server" > asked
    [ -e kept ] && cat kept || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) read -r server; echo "$server" > erased; rm -f kept ;;
esac`

describe('kept by a helper', () => {
  test.each([
    ['credsStore', { credsStore: 'test' }],
    ['credHelpers', { credHelpers: { 'reg.example': 'test' }, credsStore: 'other' }],
  ])('named by %s they are stored, looked up and erased there', async (_, config) => {
    const { at } = helper()
    const path = configDirectory(config)
    const credentials = open(path)
    await credentials.store('reg.example', ada)
    expect(JSON.parse(readFileSync(join(at, 'kept'), 'utf8'))).toEqual({
      ServerURL: 'reg.example',
      Username: 'ada',
      Secret: 'correct-horse',
    })
    expect(document(path)).toEqual({ ...config, auths: { 'reg.example': {} } })
    expect(await credentials.lookup('reg.example')).toEqual(ada)
    await credentials.erase('reg.example')
    expect(document(path)).toEqual({ ...config, auths: {} })
    expect(existsSync(join(at, 'kept'))).toBe(false)
    expect(await credentials.lookup('reg.example')).toBeUndefined()
  })

  test('an identity token has the user name <token>', async () => {
    const { at } = helper()
    const credentials = open(configDirectory({ credsStore: 'test' }))
    await credentials.store('docker.io', { username: 'ada', identityToken: 'id' })
    expect(JSON.parse(readFileSync(join(at, 'kept'), 'utf8'))).toEqual({
      ServerURL: 'https://index.docker.io/v1/',
      Username: '<token>',
      Secret: 'id',
    })
    expect(await credentials.lookup('docker.io')).toEqual({ identityToken: 'id' })
    expect(readFileSync(join(at, 'asked'), 'utf8')).toBe('https://index.docker.io/v1/\n')
  })

  test('one of credHelpers is for its registry only', async () => {
    helper()
    const auths = { 'other.example': { auth: pair('ada:correct-horse') } }
    expect(
      await open(configDirectory({ auths, credHelpers: { 'reg.example': 'test' } })).lookup('other.example'),
    ).toEqual(ada)
  })

  test('one that fails is an error without what it says, which may be a secret', async () => {
    helper('echo "the token tok-en has expired" | tee /dev/stderr; exit 7')
    const error = await failure(open(configDirectory({ credsStore: 'test' })).lookup('reg.example'))
    expect(error).toMatchObject({
      code: 'CREDENTIALS_FAILED',
      message: 'docker-credential-test get failed (7); see what it says: echo REGISTRY | docker-credential-test get',
    })
    expect(inspect(error, { depth: 10 })).not.toContain('tok-en')
  })

  test('one that fails with the secret in its mouth is an error without it', async () => {
    helper('cat; exit 1')
    const error = await failure(open(configDirectory({ credsStore: 'test' })).store('reg.example', ada))
    expect(error).toMatchObject({ code: 'CREDENTIALS_FAILED' })
    expect(inspect(error, { depth: 10 })).not.toContain('correct-horse')
  })

  test('one that answers nonsense is an error without it', async () => {
    helper('echo "correct-horse"')
    const error = await failure(open(configDirectory({ credsStore: 'test' })).lookup('reg.example'))
    expect(error).toMatchObject({ code: 'CREDENTIALS_FAILED' })
    expect(inspect(error, { depth: 10 })).not.toContain('correct-horse')
  })

  test('one that is not there is named', async () => {
    await expect(open(configDirectory({ credsStore: 'no-such' })).lookup('reg.example')).rejects.toMatchObject({
      code: 'CREDENTIALS_FAILED',
      message: expect.stringContaining('docker-credential-no-such is not in PATH'),
    })
  })

  test('one that says too much is ended', async () => {
    helper('exec yes')
    await expect(open(configDirectory({ credsStore: 'test' })).lookup('reg.example')).rejects.toMatchObject({
      code: 'CREDENTIALS_FAILED',
    })
  })

  test('one that takes its time is ended by the signal', async () => {
    helper('exec sleep 60')
    const lookup = open(configDirectory({ credsStore: 'test' })).lookup('reg.example', AbortSignal.timeout(50))
    await expect(lookup).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  test.each(['../evil', 'a/b', '', 'x'.repeat(100), 7, 'a b'])('one of the name %j is refused', async (name) => {
    const credHelpers = { 'reg.example': name }
    const error = await failure(open(configDirectory({ credHelpers })).lookup('reg.example'))
    expect((error as { code?: string } | undefined)?.code).toBe(name === '' ? undefined : 'CREDENTIALS_FAILED')
  })
})

test('what another process stores is found after a minute, or when the registry refuses what is known', async () => {
  const path = configDirectory({})
  const credentials = open(path)
  expect(await credentials.lookup('reg.example')).toBeUndefined()
  await open(path).store('reg.example', ada)
  expect(await credentials.lookup('reg.example')).toBeUndefined()
  credentials.forget('reg.example')
  expect(await credentials.lookup('reg.example')).toEqual(ada)
})
