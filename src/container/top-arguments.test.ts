import { expect, test } from 'vitest'
import { parseTopArguments } from './top-arguments.js'

const titles = (text: string) => parseTopArguments(text).map(({ title }) => title)

// As ps of procps 4.0.2 answers Docker.
// biome-ignore format: a table
test.each([
  ['-ef', 'UID PID PPID C STIME TTY TIME CMD'],
  ['-e -f', 'UID PID PPID C STIME TTY TIME CMD'],
  ['-F', 'UID PID PPID C SZ RSS PSR STIME TTY TIME CMD'],
  ['-l', 'F S UID PID PPID C PRI NI ADDR SZ WCHAN TTY TIME CMD'],
  ['-j', 'PID PGID SID TTY TIME CMD'],
  ['', 'PID TTY TIME CMD'],
  ['aux', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
  ['l', 'F UID PID PPID PRI NI VSZ RSS WCHAN STAT TTY TIME COMMAND'],
  ['j', 'PPID PID PGID SID TTY TPGID STAT UID TIME COMMAND'],
  ['x', 'PID TTY STAT TIME COMMAND'],
  ['-x', 'PID TTY STAT TIME COMMAND'],
  ['-aux', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
  ['-x -o pid,args', 'PID COMMAND'],
  ['-o pid,comm', 'PID COMMAND'],
  ['-eo pid,args', 'PID COMMAND'],
  ['axo user,pid', 'USER PID'],
  ['-opid -o comm=X', 'PID X'],
  ['--format pid,tty,etime', 'PID TT ELAPSED'],
  ['--format=pid', 'PID'],
  ['-o pid,comm=NAME,pid', 'PID NAME,pid'],
  ['-eo user:3,pid', 'USER PID'],
])('ps %s has the columns %s', (text, expected) => {
  expect(titles(text).join(' ')).toBe(expected)
})

// biome-ignore format: a table
test.each([
  ['-eo comm', "Couldn't find PID field in ps output"],
  ['-o pid=', "Couldn't find PID field in ps output"],
  ['-o pid=FOO', "Couldn't find PID field in ps output"],
  ['-o foo', 'ps: error: unknown user-defined format specifier "foo"'],
  ['-o pid,user=PIDX', 'specifying "pid,user=PIDX" is not allowed'],
  ['-o', 'ps: error: list of format specifiers must follow -o'],
  ['-f -o pid', 'ps: error: conflicting format options'],
  ['-L', 'ps: error: unsupported option -L'],
  ['--forest', 'ps: error: unsupported option --forest'],
  ['-aux -o pid', 'ps: error: unsupported option -u'],
  ['auxZ', 'ps: error: unsupported option Z'],
])('ps %s is refused: %s', (text, message) => {
  expect(() => parseTopArguments(text)).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
  )
})
