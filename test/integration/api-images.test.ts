import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, type TestApi, testApi } from '../support/api.js'

const execute = promisify(execFile)

let api: TestApi
beforeAll(async () => {
  api = await testApi(['busybox'])
})
afterAll(() => api[Symbol.asyncDispose]())

/** The path of a tar of one small file. */
async function smallTar(): Promise<string> {
  const path = join(api.directory, 'rootfs.tar')
  await execute('tar', ['-cf', path, '-C', '/etc', 'hostname'])
  return path
}

/** The clients of the machine: Debian's, and a new one. */
const clients = ['/usr/bin/docker', '/usr/local/bin/docker']

describe.each(clients)('with %s', (client) => {
  const docker = (...args: string[]) => command(client, args, { env: api.env })

  test('images are listed, tagged, inspected and removed', async () => {
    expect(await docker('tag', 'busybox', 'me/app:1')).toMatchObject({ code: 0, stderr: '' })
    const { stdout } = await docker('images', '--format', '{{.Repository}}:{{.Tag}}')
    expect(stdout.split('\n').sort()).toEqual(['', 'busybox:latest', 'me/app:1'])
    expect(await docker('images', '-q', 'me/*')).toMatchObject({ stdout: expect.stringMatching(/^[a-f0-9]{12}\n$/) })
    const format = '{{json .RepoTags}} {{.Os}} {{.Config.WorkingDir}}{{json .Config.Volumes}} {{len .RootFS.Layers}}'
    expect(await docker('image', 'inspect', '-f', format, 'me/app:1')).toMatchObject({
      stdout: '["busybox:latest","me/app:1"] linux null 1\n',
    })
    expect(await docker('rmi', 'me/app:1')).toMatchObject({ code: 0, stdout: 'Untagged: me/app:1\n' })
  })

  test('what is not here is said so', async () => {
    const refused = { code: 1, stdout: expect.anything(), stderr: expect.stringContaining('No such image: nope') }
    expect(await docker('rmi', 'nope')).toEqual(refused)
    expect(await docker('image', 'inspect', 'nope')).toEqual(refused)
    expect(await docker('tag', 'nope', 'x')).toEqual(refused)
    expect(await docker('history', 'nope')).toEqual(refused)
  })

  test('history shows the steps', async () => {
    const { code, stdout } = await docker('history', '--no-trunc', '--format', '{{.ID}} {{.Size}}', 'busybox')
    expect({ code, lines: stdout.split('\n').length }).toEqual({ code: 0, lines: 2 })
    expect(stdout).toMatch(/^sha256:[a-f0-9]{64} [\d.]+[kM]B\n$/)
  })

  test('an image is saved, removed, and loaded again', async () => {
    const path = join(api.directory, 'saved.tar')
    await docker('tag', 'busybox', 'me/saved:1')
    expect(await docker('save', '-o', path, 'me/saved:1')).toMatchObject({ code: 0, stderr: '' })
    await docker('rmi', 'me/saved:1')
    expect(await docker('load', '-i', path)).toMatchObject({ code: 0, stdout: 'Loaded image: me/saved:1\n' })
    const { stdout: id } = await docker('images', '-q', '--no-trunc', 'me/saved:1')
    await docker('save', '-o', path, id.trim())
    expect(await docker('load', '-i', path)).toMatchObject({ stdout: `Loaded image ID: ${id}` })
    expect(await docker('save', '-o', path, 'nope')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('No such image: nope'),
    })
    await docker('rmi', 'me/saved:1')
  })

  test('an archive goes through a pipe', async () => {
    await docker('tag', 'busybox', 'me/piped:1')
    const piped = await command('sh', ['-c', `${client} save me/piped:1 | ${client} load -q`], { env: api.env })
    expect(piped).toMatchObject({ code: 0, stdout: 'Loaded image: me/piped:1\n', stderr: '' })
    await docker('rmi', 'me/piped:1')
  })

  test("a container's files become an image through a pipe", async () => {
    const { id } = await api.engine.run('busybox', ['sh', '-c', 'echo made > /made'])
    await (await api.engine.containers.get(id)).wait()
    const script = `${client} export ${id} | ${client} import -c 'CMD ["cat", "/made"]' - me/exported`
    expect(await command('sh', ['-c', script], { env: api.env })).toMatchObject({ code: 0, stderr: '' })
    const { stdout } = await api.engine.run('me/exported').rm().output()
    expect(stdout).toBe('made\n')
    await (await api.engine.containers.get(id)).remove()
    await docker('rmi', 'me/exported')
  })

  test('an image of a container stays', async () => {
    const container = await api.engine.run('busybox', ['true'])
    await container.wait()
    const id = (await api.engine.images.get('busybox')).id.slice(7, 19)
    const used = `container ${container.id.slice(0, 12)} is using its referenced image ${id}`
    const words = `conflict: unable to remove repository reference "busybox" (must force) - ${used}`
    const refused = await docker('rmi', 'busybox')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(words) })
    expect((await docker('images', '-q')).stdout).toBe(`${id}\n`)
    await container.remove()
  })

  test('images without names are pruned', async () => {
    const { id } = await api.engine.images.import(await smallTar(), { reference: 'me/replaced' })
    await docker('tag', 'busybox', 'me/replaced')
    const pruned = await docker('image', 'prune', '-f')
    expect(pruned.stdout).toMatch(new RegExp(`^Deleted Images:\ndeleted: ${id}\n`))
    expect(pruned.stdout).toMatch(/\nTotal reclaimed space: [\d.]+[kM]?B\n$/)
    await docker('rmi', 'me/replaced')
  })

  test('a tar is imported, with a message and changes', async () => {
    const path = await smallTar()
    const args = ['import', '-m', 'from a test', '-c', 'CMD ["cat"]', '-c', 'ENV A=b']
    const { stdout } = await docker(...args, path, 'me/imported:1')
    expect(stdout).toMatch(/^sha256:[a-f0-9]{64}\n$/)
    const format = '{{.Id}} {{json .Config.Cmd}} {{json .Config.Env}} {{.Comment}}'
    expect(await docker('image', 'inspect', '-f', format, 'me/imported:1')).toMatchObject({
      stdout: `${stdout.trim()} ["cat"] ["A=b"] from a test\n`,
    })
    expect(await docker('import', '-c', 'RUN x', path)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('run is not a valid change command'),
    })
    const removed = await docker('rmi', 'me/imported:1')
    expect(removed.stdout).toContain(`Untagged: me/imported:1\nDeleted: ${stdout}`)
  })
})
