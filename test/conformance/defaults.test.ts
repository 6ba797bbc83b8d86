import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact, lines } from './support/facts.js'
import { expectedTable, maskedPaths, mountTable } from './support/mount-table.js'
import { oracleRootfs } from './support/oracle-image.js'
import { answers, probeScript, type Question } from './support/probe.js'

let host: TestEngine
let seen: Record<Question, string>
beforeAll(async () => {
  host = await testEngine([])
  await host.engine.images.import(await oracleRootfs(), { reference: 'oracle', changes: ['CMD ["sh"]'] })
  const { stdout } = await host.engine.run('oracle', ['sh', '-c', probeScript]).rm().output()
  seen = answers(stdout)
})
afterAll(() => host[Symbol.asyncDispose]())

/** `ls -l` without times, link counts, the directories themselves, and the size of files that name the container. */
const listing = (text: string) =>
  lines(text)
    .filter((line) => !/^total| \.\.?$/.test(line))
    .map((line) =>
      line
        .replace(/ [A-Z][a-z]{2} [ \d]\d [ \d:]+ /, ' ')
        .replace(/^([a-z-][rwxsStT-]{9}) +\d+/, '$1')
        .replace(/ +\d+ (hosts|resolv\.conf)$/, ' $1'),
    )

const withoutIds = (text: string) => text.replace(/\b[0-9a-f]{12}\b/g, 'SHORTID')

describe('a container with no option, beside a real Docker’s', () => {
  test('has the same mounts with the same flags', () => {
    expect(mountTable(seen.mounts)).toEqual(expectedTable(fact('mountinfo.txt')))
  })

  test('has the same devices', () => {
    expect(listing(seen.devices)).toEqual(listing(fact('dev.txt')))
  })

  test('has the same files in its root and /etc', () => {
    expect(listing(seen.root)).toEqual(listing(fact('etc.txt')).slice(listing(fact('etc.txt')).indexOf('/:')))
  })

  test('has the same hosts file, with the first address of the default network', () => {
    const [hosts] = fact('etc.txt').split('---\n')
    expect(seen.files.split('---\n')[0]).toBe(withoutIds(hosts as string))
  })

  test('has its short id as hostname', () => {
    expect(seen.files.split('---\n')[1]).toBe('SHORTID\n')
  })

  test('has the same environment', () => {
    expect(lines(seen.environment)).toEqual(lines(withoutIds(fact('env.txt'))).sort())
  })

  test('has the same kinds of limits, and the values of the engine’s own', () => {
    const names = (text: string) => lines(text).map((line) => line.slice(0, 26))
    expect(names(seen.limits)).toEqual(names(fact('limits.txt')))
  })

  test('has the same ids, groups, capabilities, seccomp mode and OOM score', () => {
    const relevant = /^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)/
    const expected = lines(fact('proc1-status.txt')).filter((line) => relevant.test(line))
    expect(lines(seen.status)).toEqual([...expected, '0'])
  })

  test('refuses the same writes with the same errors', () => {
    const here = (line: string) =>
      line.includes('sysrq') && existsSync('/proc/sysrq-trigger')
        ? line.replace('nonexistent directory', 'Read-only file system')
        : line
    const expected = lines(fact('probes.txt'))
      .filter((line) => line.startsWith("sh: can't create"))
      .map(here)
    expect(lines(seen.writes)).toEqual(expected)
  })

  test('refuses the same attempts with the same errors', () => {
    const expected = [
      'mount: permission denied (are you root?)',
      'unshare: unshare(0x10000000): Operation not permitted',
      'unshare: unshare(0x20000): Operation not permitted',
      'hostname: sethostname: Operation not permitted',
      'dmesg: klogctl: Operation not permitted',
      '/bin/busybox',
    ]
    expect(lines(fact('probes.txt')).map((line) => line.replace(/^l.* -> /, ''))).toEqual(
      expect.arrayContaining(expected),
    )
    expect(lines(seen.refusals)).toEqual(expect.arrayContaining(expected))
  })

  test('opens no device that it made itself', () => {
    expect(lines(seen.refusals).filter((line) => line.includes("can't open") || line.startsWith('head:'))).toEqual([
      "dd: can't open '/tmp/disk': Operation not permitted",
      'head: /tmp/kmsg: Operation not permitted',
      'head: /tmp/mem: Operation not permitted',
    ])
  })

  test('sees nothing in what is masked', () => {
    expect(lines(seen.masked)).toEqual(maskedPaths.filter((path) => existsSync(path)).map((path) => `${path} 0 0`))
  })

  test('may serve on any port and ping, as any user', () => {
    expect(seen.kernel).toBe('0\n0\t2147483647\n4096\n(none)\n')
  })

  test('has no descriptor but the three', () => {
    expect(lines(seen.descriptors)).toEqual(['0', '1', '2'])
  })
})
