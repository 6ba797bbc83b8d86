import { arch } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { lines } from './support/facts.js'
import { Programs } from './support/programs.js'

let host: TestEngine
const programs = new Programs('syscalls')
let seen: ReadonlyMap<string, string>
beforeAll(async () => {
  host = await testEngine(['busybox'])
  const { stdout } = await host.engine.run('busybox', ['/p/syscalls']).volume(programs.volume).rm().output()
  seen = new Map(
    lines(stdout).map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  )
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  programs[Symbol.dispose]()
})

const denied = [
  'keyctl',
  'add_key',
  'request_key',
  'unshare of a user namespace',
  'unshare of mounts',
  'clone of a user namespace',
  'mount',
  'umount2',
  'fsopen',
  'open_tree',
  'move_mount',
  'pivot_root',
  'setns',
  'bpf',
  'userfaultfd',
  'perf_event_open',
  'io_uring_setup',
  'io_uring_enter',
  'socket of AF_VSOCK',
  'socket of AF_ALG',
  'personality without randomisation',
  'open_by_handle_at',
  'init_module',
  'kexec_load',
  'reboot',
  'syslog',
  'swapon',
  'acct',
  'sethostname',
]

describe('the default seccomp profile', () => {
  test.each(denied)('refuses %s', (name) => {
    expect(seen.get(name)).toBe('EPERM')
  })

  test.each(['clone', 'socket of AF_INET', 'socket of AF_PACKET', 'personality query', 'ptrace of a child'])(
    'allows %s',
    (name) => {
      expect(seen.get(name)).toBe('OK')
    },
  )

  test.each(['clone3', 'unknown'])(
    'says of %s that the kernel has none, so that libraries use something else',
    (name) => {
      expect(seen.get(name)).toBe('ENOSYS')
    },
  )

  if (arch === 'x64')
    describe('for other entries to the kernel', () => {
      test.each([
        'x32 mount',
        'x32 unshare',
        'x32 keyctl',
        'i386 mount',
        'i386 unshare',
        'i386 keyctl',
        'i386 io_uring_setup',
        'i386 socket of AF_ALG',
      ])('refuses %s as well', (name) => {
        expect(seen.get(name)).toMatch(/^(EPERM|SIGSEGV)$/)
      })

      test('leaves a 32-bit program its harmless calls', () => {
        expect(seen.get('i386 getpid')).toMatch(/^(OK|SIGSEGV)$/)
      })
    })
})

test('allows what is refused by default where the profile is left out, so that the table shows the profile', async () => {
  const { stdout } = await host.engine
    .run('busybox', ['/p/syscalls'])
    .volume(programs.volume)
    .securityOpt('seccomp=unconfined')
    .rm()
    .output()
  const open = lines(stdout)
  expect(open).toEqual(
    expect.arrayContaining(['unshare of a user namespace OK', 'io_uring_setup EFAULT', 'keyctl EINVAL']),
  )
})
