import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { launchError } from './failure.js'
import { opcodes } from './protocol.gen.js'

const failed = (operation: 'execute' | 'mount', errno: number, text: string) =>
  launchError(
    { type: 'failed', step: 1, opcode: opcodes[operation], errno, section: 2, text },
    { steps: ['section', operation] },
    'cannot start x',
  )

test.each([
  ['ENOENT', 'nosuch', 'PROGRAM_NOT_FOUND', 127, 'executable file not found in $PATH'],
  ['ENOENT', '/nosuch', 'PROGRAM_NOT_FOUND', 127, 'no such file or directory'],
  ['EACCES', '/etc', 'PROGRAM_NOT_EXECUTABLE', 126, 'permission denied'],
  ['ENOEXEC', '/x', 'PROGRAM_NOT_EXECUTABLE', 126, 'exec format error'],
] as const)('%s of the program %s is %s with exit code %i', (errno, program, code, exitCode, text) => {
  const error = failed('execute', constants.errno[errno], program)
  expect(error).toMatchObject({ code, exitCode, message: expect.stringContaining(text) })
})

test('any other step is the engine’s failure and names itself', () => {
  const error = failed('mount', constants.errno.EPERM, '/proc')
  expect(error).toMatchObject({
    code: 'LAUNCH_FAILED',
    exitCode: 125,
    details: { step: 1, operation: 'mount', errno: 1, path: '/proc' },
  })
  expect(error.message).toMatch(
    /^cannot start x: step 1 \(mount\) failed while .*: EPERM: operation not permitted, '\/proc'$/,
  )
})

const volume = { type: 'bind', source: '/v/_data', destination: '/data', options: ['rbind'], subpath: 'sub/dir' }
const failedMount = (operation: 'tree_open' | 'tree_attach', errno: number) =>
  launchError(
    { type: 'failed', step: 0, opcode: opcodes[operation], errno, section: 3, text: volume.source },
    { steps: [operation], mounts: new Map([[0, volume]]) },
    'cannot start x',
  )

test.each([
  [
    'tree_open',
    'ENOENT',
    /"\/v\/_data" to rootfs at "\/data": cannot access path "\/v\/_data\/sub\/dir": no such file/,
  ],
  [
    'tree_attach',
    'EROFS',
    /^cannot start x: error mounting "\/v\/_data" to rootfs at "\/data": read-only file system: /,
  ],
  ['tree_attach', 'ENOTDIR', /at "\/data": not a directory: a directory can only be mounted on a directory/],
] as const)(
  'a mount of which %s fails with %s tells what was to be mounted, where, and the cause',
  (operation, errno, message) => {
    const error = failedMount(operation, constants.errno[errno])
    expect(error).toMatchObject({
      code: 'LAUNCH_FAILED',
      exitCode: 125,
      details: { operation, syscallError: errno, source: '/v/_data', subpath: 'sub/dir', destination: '/data' },
    })
    expect(error.message).toMatch(message)
  },
)
