import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { importHostile } from './support/oracle-image.js'
import { directory, file, symlink } from './support/tar.js'

// CVE-2016-3697, CVE-2022-36109, CVE-2023-25173, CVE-2024-40635: who a process is, by an image's own and hostile files.
const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  '1000:x:0:0::/:',
  'bob:x:1001:1001::/home/bob:',
  'huge:x:4294967296:0::/:',
  'below:x:-1:0::/:',
  'half:x',
  '::::::',
  'zero::0',
  'x'.repeat(70_000),
]
const group = [
  'root:x:0:',
  'wheel:x:10:root,bob',
  'bob:x:1001:',
  'grp:x:2000:bob',
  '3000:x:0:bob',
  'huge:x:4294967296:bob',
  'x'.repeat(70_000),
]

const outside = mkdtempSync('/tmp/ib-user-')
let host: TestEngine
let container: Container
beforeAll(async () => {
  host = await testEngine([])
  writeFileSync(`${outside}/passwd`, 'ofhost:x:0:0::/:\n')
  const accounts = [
    directory('etc'),
    file('etc/passwd', `${passwd.join('\n')}\n`),
    file('etc/group', `${group.join('\n')}\n`),
  ]
  await importHostile(host.engine, 'accounts', accounts)
  await importHostile(host.engine, 'linked', [
    directory('etc'),
    symlink('etc/passwd', `${outside}/passwd`),
    symlink('etc/group', '/proc/1/root/etc/group'),
  ])
  container = await host.engine.run('accounts', ['sleep', '300'])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  rmSync(outside, { recursive: true })
})

const id = ['sh', '-c', 'echo $(id -u) $(id -g) $(id -G)']
const known = [
  ['root', '0 0 0 10'],
  ['0', '0 0 0 10'],
  ['1000', '1000 0 0'],
  ['bob', '1001 1001 1001 0 10 2000'],
  ['1001', '1001 1001 1001 0 10 2000'],
  ['bob:grp', '1001 2000 2000'],
  ['bob:7', '1001 7 7'],
  ['1234:1234', '1234 1234 1234'],
  ['2147483647', '2147483647 0 0'],
] as const
const unknown = [
  '4294967296',
  '2147483648',
  '-1',
  'huge',
  'below',
  'half',
  'nosuch',
  'root:nosuch',
  'root:4294967296',
  '99999999999999999999',
  '0x0',
  ' 0',
  '0 ',
  '0\n',
]

describe('a user given by number or name', () => {
  test.each(known)('%s has the ids %s', async (user, ids) => {
    expect((await host.engine.run('accounts', id).user(user).rm().output()).stdout.trim()).toBe(ids)
    expect((await container.exec(id).user(user)).stdout.trim()).toBe(ids)
  })

  test.each(unknown)('%j is nobody, and not root', async (user) => {
    const refused = { code: expect.stringMatching(/^(USER_NOT_FOUND|INVALID_OPTION)$/) }
    await expect(host.engine.run('accounts', id).user(user).rm().output()).rejects.toMatchObject(refused)
    await expect(container.exec(id).user(user)).rejects.toMatchObject(refused)
  })

  test.each(['ofhost', 'nobody'])('is not looked up in the host’s files: %s', async (user) => {
    await expect(host.engine.run('linked', id).user(user).rm().output()).rejects.toMatchObject({
      code: 'USER_NOT_FOUND',
    })
  })
})

describe('an exec in a container that has made of its /etc/passwd', () => {
  test.each([
    ['a pipe', 'mkfifo /etc/passwd'],
    ['a directory', 'mkdir /etc/passwd'],
    ['a link to the host’s', `ln -s ${outside}/passwd /etc/passwd`],
    ['a link to a magic link', 'ln -s /proc/1/root/../etc/passwd /etc/passwd'],
    ['a link to itself', 'ln -s passwd /etc/passwd'],
    ['a device', 'ln -s /dev/zero /etc/passwd'],
    ['a gigabyte', 'truncate -s 1G /etc/passwd'],
    ['nothing', 'true'],
  ])('%s finds no user there, and does not wait', async (_, make) => {
    const victim = await host.engine.run('accounts', ['sh', '-c', `rm /etc/passwd; ${make}; echo done; exec sleep 300`])
    for await (const entry of victim.logs({ follow: true })) if (entry.text === 'done\n') break
    await expect(victim.exec(id).user('ofhost')).rejects.toMatchObject({ code: 'USER_NOT_FOUND' })
    // No program that would read the file itself.
    expect((await victim.exec(['grep', 'Uid', '/proc/self/status']).user('5')).stdout).toBe('Uid:\t5\t5\t5\t5\n')
    await victim.remove({ force: true })
  })
})
