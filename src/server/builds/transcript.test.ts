import { expect, test } from 'vitest'
import type { BuildEvent, BuildStep } from '../../build/progress.js'
import { Transcript } from './transcript.js'

const step = (id: string, instruction: string): BuildStep => ({
  id,
  stage: id,
  line: 1,
  name: instruction,
  instruction,
})
const slow = step('0.0', 'FROM slow')
const quick = step('1.0', 'FROM quick')
const run = step('1.1', 'RUN quick')
const result = (one: BuildStep): BuildEvent => ({ kind: 'result', step: one, id: 'sha256:0123456789abcdef' })
const log = (data: Buffer): BuildEvent => ({ kind: 'log', step: run, stream: 'stdout', data })

/** All that is written, as text. */
function recorder() {
  const written: string[] = []
  const transcript = new Transcript(async (document) => {
    written.push((document as { stream?: string }).stream ?? '')
  })
  return { transcript, written }
}

test('what waits for its turn is no more than 8 MiB: the beginning goes', async () => {
  const { transcript, written } = recorder()
  await transcript.add({ kind: 'plan', args: [], steps: [slow, quick, run] })
  await transcript.add(result(quick))
  for (let count = 0; count < 20; count++) await transcript.add(log(Buffer.alloc(1024 * 1024, 97 + count)))
  expect(written.join('')).toBe('Step 1/3 : FROM slow\n')
  await transcript.add(result(slow))
  const text = written.join('')
  expect(text.slice(0, 200)).toContain(`RUN quick\n[output clipped: ${13 * 1024 * 1024} bytes]\n`)
  expect(text.length).toBeLessThan(9 * 1024 * 1024)
  expect(text.at(-1)).toBe(String.fromCharCode(97 + 19))
})

test('characters that come in two pieces are whole, whichever stream they are of', async () => {
  const { transcript, written } = recorder()
  await transcript.add({ kind: 'plan', args: [], steps: [run] })
  const [first, second] = [Buffer.from('ü').subarray(0, 1), Buffer.from('ü').subarray(1)]
  await transcript.add(log(first))
  await transcript.add({ ...log(Buffer.from('x')), stream: 'stderr' } as BuildEvent)
  await transcript.add(log(second))
  await transcript.add(log(first))
  await transcript.add(result(run))
  expect(written.slice(2)).toEqual(['\x1b[91mx\x1b[0m', 'ü', '\ufffd'])
})
