import { mkdtempSync, rmSync, readdirSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { it } from 'vitest'
import { openDatabase } from '../store/database.js'
import { openSnapshots } from '../snapshot/index.js'
import { openImages } from './index.js'
const cache = '/root/.cache/inboard-test-images/'
it('tries', async () => {
  const dir = cache + readdirSync(cache).find(n => n.length === 16)
  for (const f of readdirSync(dir)) {
    if (!/\.tar|oci$/.test(f) || /rootfs/.test(f)) continue
    const root = mkdtempSync('/tmp/d/root-')
    const database = openDatabase(root + '/db')
    const snapshots = await openSnapshots(root + '/snapshots')
    const images = openImages({ root, database, snapshots })
    try {
      let t = performance.now()
      const loaded = await images.load(`${dir}/${f}`)
      const first = performance.now() - t
      t = performance.now()
      await images.load(`${dir}/${f}`)
      const second = performance.now() - t
      t = performance.now()
      for (let i = 0; i < 1000; i++) images.resolve(loaded[0]!.id)
      const r = performance.now() - t
      console.log(f, first | 0, second | 0, r.toFixed(1), JSON.stringify(loaded), images.list()[0]!.size)
      console.log(JSON.stringify(await images.remove(loaded[0]!.id, {force: true})))
      console.log(execFileSync('find', [root, '-path', '*snapshots/*', '-o', '-path', '*content/*', '-o', '-name', 'gc*']).toString())
    } finally { database.close(); rmSync(root, { recursive: true, force: true }) }
  }
}, 120000)
