import { expect, test } from 'vitest'
import { type ProcessFacts, type ProcessHost, pageBytes, parseStat, parseStatus } from './processes.js'
import { columns, ttyName } from './top-columns.js'

// Numbered as in the manual page.
// biome-ignore format: a table
const fields: Record<number, number> = {
  4: 17, 5: 4242, 6: 4240, 7: 34_816, 8: 4242, 9: 4_194_560, 14: 250, 15: 50, 18: 25, 19: 5, 20: 3, 22: 360_000,
  23: 4_194_304, 39: 1, 40: 1, 41: 2,
}
const stat = `4242 (a) S (b) S ${Array.from({ length: 49 }, (_, at) => fields[at + 4] ?? 0).join(' ')}\n`
const status = 'Name:\ta\nUid:\t1000\t1001\t1002\t1001\nGid:\t5\t6\t7\t6\nVmLck:\t       8 kB\nVmRSS:\t    1380 kB\n'

const facts: ProcessFacts = {
  ...parseStat(stat),
  ...parseStatus(status),
  arguments: ['sleep', '1\u001b[2J'],
  waitsIn: 'do_hrtimer_nanosleep',
}
const host: ProcessHost = {
  bootedAt: 1_795_200_000,
  uptimeSeconds: 3600 + 86_400 + 62,
  memoryKb: 13_800,
  pageBytes: 4096,
  users: new Map([[1001, 'somebody-long']]),
  groups: new Map([[6, 'staff']]),
}

const value = (name: string, process = facts, width = 8) => columns.get(name)?.value(process, host, width)

// biome-ignore format: a table
test.each([
  ['pid', '4242'], ['ppid', '17'], ['pgid', '4242'], ['sid', '4240'], ['tpgid', '4242'],
  ['uid', '1001'], ['ruid', '1000'], ['suid', '1002'], ['user', 'somebod+'], ['ruser', '1000'], ['group', 'staff'],
  ['comm', 'a) S (b'], ['args', 'sleep 1?[2J'], ['cmd', 'sleep 1?[2J'],
  ['time', '00:00:03'], ['bsdtime', '0:03'], ['etime', '1-00:01:02'], ['etimes', '86462'],
  ['rss', '1380'], ['vsz', '4096'], ['sz', '1024'], ['pmem', '10.0'], ['pcpu', '0.0'], ['c', '0'],
  ['stat', 'SNLl+'], ['s', 'S'], ['nice', '5'], ['pri', '14'], ['opri', '85'], ['priority', '25'], ['f', '4'], ['psr', '1'],
  ['nlwp', '3'], ['cls', 'RR'], ['rtprio', '1'], ['tty', 'pts/0'], ['wchan', 'hrtimer_'],
])('%s is %j', (name, expected) => {
  expect(value(name)).toBe(expected)
})

test('a busy process has its share of the time that it has lived', () => {
  const busy = { ...facts, startTime: (host.uptimeSeconds - 10) * 100, utime: 1234, stime: 0 }
  expect(value('pcpu', busy)).toBe('123')
  expect(value('cp', busy)).toBe('999')
  expect(value('c', busy)).toBe('99')
})

test('one without arguments is told by its name, and a zombie as what it is', () => {
  expect(value('args', { ...facts, arguments: [] })).toBe('[a) S (b]')
  expect(value('args', { ...facts, arguments: [], state: 'Z' })).toBe('[a) S (b] <defunct>')
  expect(value('comm', { ...facts, state: 'Z' })).toBe('a) S (b <defunct>')
})

test('a start of another day or year is told by it', () => {
  const start = new Date((host.bootedAt + 3600) * 1000)
  const day = String(start.getDate()).padStart(2, '0')
  expect(value('stime')).toMatch(new RegExp(`^[A-Z][a-z]{2}${day}$`))
  expect(value('stime', { ...facts, startTime: -40_000_000 * 100 })).toBe(
    String(new Date((host.bootedAt - 40_000_000) * 1000).getFullYear()),
  )
})

test.each([
  [0, '?'],
  [0x8800, 'pts/0'],
  [0x8803, 'pts/3'],
  [0x8901, 'pts/257'],
  [0x108802, 'pts/258'],
  [0x401, 'tty1'],
  [0x440, 'ttyS0'],
  [0x501, '?'],
])('device %d is %s', (device, name) => {
  expect(ttyName(device)).toBe(name)
})

test('the size of pages is told by the auxiliary vector', () => {
  const vector = new BigUint64Array([33n, 1n, 6n, 65_536n, 0n, 0n])
  expect(pageBytes(Buffer.from(vector.buffer))).toBe(65_536)
})
