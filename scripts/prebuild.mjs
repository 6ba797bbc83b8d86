// Packs the native parts of this architecture into prebuilds/, for the published tarball, and proves that a package
// installed from that tarball uses them without a compiler.
import { execFileSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildEnvironment, buildPrograms, programs, root, run, stage } from './native.mjs'

const node = process.execPath

function pack() {
  const staged = stage()
  try {
    mkdirSync(join(staged, 'build', 'Release'), { recursive: true })
    buildPrograms(staged)
    const artifacts = join(staged, 'artifacts')
    mkdirSync(artifacts)
    for (const name of programs) {
      copyFileSync(join(staged, 'build', 'Release', name), join(artifacts, name))
      chmodSync(join(artifacts, name), 0o755)
    }
    rmSync(join(root, 'prebuilds', `linux-${process.arch}`), { recursive: true, force: true })
    const prebuildify = join(root, 'node_modules', 'prebuildify', 'bin.js')
    const options = ['--napi', '--strip', '--tag-libc', '--target', process.versions.node]
    run(node, [prebuildify, ...options, '--artifacts', artifacts, '--cwd', staged, '--out', root], {
      cwd: staged,
      env: buildEnvironment(),
    })
  } finally {
    rmSync(staged, { recursive: true, force: true })
  }
}

function verify() {
  const empty = mkdtempSync(join(tmpdir(), 'inboard-install-'))
  try {
    const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', empty], {
      cwd: root,
    })
    const [{ filename }] = JSON.parse(packed.toString())
    writeFileSync(join(empty, 'package.json'), '{"private":true}')
    // Other packages may compile; whether this one does is what its own script shows.
    run('npm', ['install', '--ignore-scripts', '--omit=dev', join(empty, filename)], { cwd: empty })
    const installed = join(empty, 'node_modules', 'inboard')
    run(node, ['scripts/install.mjs'], { cwd: installed, env: { PATH: '/nonexistent' } })
    if (existsSync(join(installed, 'build'))) throw new Error('the installed package has compiled its addon')
    for (const name of programs) accessSync(join(installed, 'prebuilds', `linux-${process.arch}`, name), constants.X_OK)
  } finally {
    rmSync(empty, { recursive: true, force: true })
  }
}

pack()
verify()
