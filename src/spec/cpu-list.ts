const maxCpu = 8191

/** The numbers in a list such as `0-2,7`, or undefined when it is not one. @see cpuset(7), "List format" */
export function parseCpuList(text: string): number[] | undefined {
  const numbers = new Set<number>()
  for (const range of text.split(',').filter((part) => part !== '')) {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(range.trim()) ?? []
    if (first === undefined || Number(last) < Number(first) || Number(last) > maxCpu) return undefined
    for (let number = Number(first); number <= Number(last); number++) numbers.add(number)
  }
  return [...numbers]
}
