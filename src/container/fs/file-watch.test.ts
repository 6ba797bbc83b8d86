import { expect, test } from 'vitest'
import { FileWatch, type Watching } from './file-watch.js'
import type { FileChange } from './options.js'

const change = (filename: string): FileChange => ({ eventType: 'change', filename })
const bounds = { maxQueue: 2, overflow: undefined }
const untilLeft = (left: AbortSignal) =>
  new Promise<void>((resolve) => (left.aborted ? resolve() : left.addEventListener('abort', () => resolve())))
const telling =
  (...names: string[]): Watching =>
  async ({ started, tell, left }) => {
    started()
    for (const name of names) tell(change(name))
    await untilLeft(left)
  }

test('begins with its first reader, and is over when that leaves', async () => {
  let isOver = false
  const watch = new FileWatch(async (sink) => {
    await telling('a', 'b')(sink)
    isOver = true
  }, bounds)
  for await (const { filename } of watch) {
    expect(filename).toBe('a')
    break
  }
  expect(isOver).toBe(true)
  expect(await watch.next()).toEqual({ done: true, value: undefined })
})

test('drops what is more than may be kept', async () => {
  const watch = new FileWatch(telling('a', 'b', 'c'), bounds)
  await watch.ready()
  expect([await watch.next(), await watch.next()]).toMatchObject([{ value: change('a') }, { value: change('b') }])
  await watch.close()
})

test('fails for what is more than may be kept, once all that is kept was read', async () => {
  const watch = new FileWatch(telling('a', 'b', 'c'), { ...bounds, overflow: () => new Error('too many') })
  await watch.ready()
  expect([await watch.next(), await watch.next()]).toHaveLength(2)
  await expect(watch.next()).rejects.toThrow('too many')
  expect(await watch.next()).toEqual({ done: true, value: undefined })
})

test('fails as the watching does, also before it has begun', async () => {
  const watch = new FileWatch(async () => {
    throw new Error('no such directory')
  }, bounds)
  await expect(watch.ready()).rejects.toThrow('no such directory')
  await expect(watch.next()).rejects.toThrow('no such directory')
})

test('never begins when it is closed before', async () => {
  const watch = new FileWatch(telling('a'), bounds)
  await watch.close()
  expect(await watch.next()).toEqual({ done: true, value: undefined })
})
