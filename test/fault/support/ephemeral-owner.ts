/**
 * The body of a program that makes, changes and removes ephemeral things at random until it is killed: containers in every state, on
 * networks, with volumes, published ports, execs, attached streams and health checks.
 */
export const ephemeralOwner = (seed: number) => `
  let state = ${seed}
  const next = (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
  const sleep = ['sleep', '1000']
  const kept = []
  const verbs = [
    async () => kept.push(await engine.run('busybox', sleep).ephemeral().network('none').volume('/anonymous')),
    async () => kept.push(await engine.run('busybox', sleep).ephemeral().publish('127.0.0.1::80').memory('32m')),
    async () => {
      const net = await engine.networks.create('n' + process.pid + '-' + next(1e9)).ephemeral()
      kept.push(await engine.run('busybox', sleep).ephemeral().network(net.name).networkAlias('alias'))
    },
    async () => {
      const volume = await engine.volumes.create('v' + process.pid + '-' + next(1e9)).ephemeral()
      kept.push(await engine.run('busybox', sleep).ephemeral().network('none').volume(volume.name + ':/data'))
    },
    async () => kept.push(await engine.run('busybox', ['true']).ephemeral().volume('/never').create()),
    async () => void (await engine.run('busybox', ['true']).ephemeral().network('none').output()),
    async () => {
      const paused = await engine.run('busybox', sleep).ephemeral().network('none')
      await paused.pause()
      kept.push(paused)
    },
    async () => {
      const io = await engine.run('busybox', ['cat']).ephemeral().network('none').interactive().attach()
      io.stdin.write('said')
    },
    async () => kept.push(await engine.run('busybox', sleep).ephemeral().network('none').healthCmd(['sleep', '1000']).healthInterval('5ms')),
    async () => void (await kept.at(-1)?.exec(['sh', '-c', 'sleep 1000 & sleep 1000']).detach()),
    async () => void (await kept.pop()?.close()),
    async () => void (await kept.at(-1)?.start()),
    async () => {
      const scope = engine.scope()
      const net = await scope.network()
      await scope.run('busybox', sleep).network(net.name)
      await scope.close()
    },
  ]
  process.stdout.write('begun\\n')
  for (;;) await verbs[next(verbs.length)]().catch((error) => {
    if (!['INVALID_STATE', 'CONTAINER_NOT_FOUND'].includes(error.code)) console.error(error)
  })
`
