// Run by start.ts in a fresh process: the first run of a program that has just begun, and later ones, in milliseconds.
// argv: root, runRoot (in which busybox is loaded).
const begin = performance.now()
const { Engine } = await import('inboard')
const [root, runRoot] = process.argv.slice(2)
const engine = await Engine.open({ root, runRoot })
const once = () => engine.run('busybox', ['true']).network('none').rm().output()
await once()
const first = performance.now() - begin
const later = []
for (let count = 0; count < 20; count++) {
  const start = performance.now()
  await once()
  later.push(performance.now() - start)
}
await engine.close()
console.log(JSON.stringify({ first, later }))
