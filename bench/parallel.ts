/** Does `task` for 0..count-1, at most `width` at a time; the results in order. */
export async function inParallel<T>(count: number, width: number, task: (index: number) => T): Promise<Awaited<T>[]> {
  const results = new Array<Awaited<T>>(count)
  let next = 0
  const worker = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await task(index)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return results
}
