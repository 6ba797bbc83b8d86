import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { binaries } from './addon.js'
import { temporaryDirectory } from './fixture.js'

/** A package with its install script and nothing built. */
function unbuiltPackage(): string {
  const root = temporaryDirectory()
  cpSync(join(binaries().root, 'scripts'), join(root, 'scripts'), { recursive: true })
  return root
}

/** Runs the install script on a host without compilers. */
function install(root: string, execArgv: string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...execArgv, 'scripts/install.mjs'], {
    cwd: root,
    env: { ...process.env, PATH: '/nonexistent' },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

function addPrebuild(root: string, addon: (target: string) => void): void {
  const directory = join(root, 'prebuilds', `linux-${process.arch}`)
  mkdirSync(directory, { recursive: true })
  for (const name of ['inboard-supervisor', 'inboard-init']) writeFileSync(join(directory, name), '')
  addon(join(directory, 'inboard.glibc.node'))
}

describe('the install script', () => {
  it('does nothing on another platform, and does not fail', () => {
    const pretend = "data:text/javascript,Object.defineProperty(process, 'platform', { value: 'darwin' })"
    const result = install(unbuiltPackage(), ['--import', pretend])
    expect(result).toMatchObject({ status: 0, stderr: '' })
    expect(result.stdout).toContain('nothing is built on darwin')
  })

  it('builds nothing where the prebuilt addon works', () => {
    const root = unbuiltPackage()
    addPrebuild(root, (target) => cpSync(join(binaries().directory, 'inboard.node'), target))
    expect(install(root)).toMatchObject({ status: 0, stdout: 'inboard: using the prebuilt addon\n' })
    expect(existsSync(join(root, 'build'))).toBe(false)
  })

  it('builds where the prebuilt addon does not work, and names the command that installs a missing compiler', () => {
    const root = unbuiltPackage()
    addPrebuild(root, (target) => writeFileSync(target, 'for another libc'))
    const result = install(root)
    expect(result.status).toBe(1)
    expect(result.stdout).toContain('does not work here')
    expect(result.stderr).toContain('apt-get install -y g++ make python3 musl-tools && npm rebuild inboard')
  })
})
