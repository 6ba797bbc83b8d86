import type { Script } from '../docker-script.js'

const failing = 'sh -c "echo run >> /runs; exit 1"'
const policy = (name: string) =>
  `docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' ${name}`

/** Restart policies, and health. */
export const restarts: Script = {
  name: 'restarts',
  images: { busybox: 'busybox' },
  steps: [
    { run: `docker run -d --name always --restart always busybox ${failing}`, shows: /^[0-9a-f]{64}$/m },
    { run: policy('always'), shows: /^always 0$/m },
    { run: "docker inspect -f '{{.RestartCount}}' always", shows: /^[2-9]/m, again: true, compared: 'no' },
    {
      run: 'docker ps -a --format "{{.Names}} {{.Status}}"',
      shows: /^always (?:Restarting \(1\)|Up)/m,
      compared: 'no',
    },
    { run: 'docker stop always', shows: /^always$/m },
    { run: "docker inspect -f '{{.State.Status}}' always", shows: /^exited$/m },
    { run: `docker run -d --name twice --restart on-failure:2 busybox ${failing}`, shows: /^[0-9a-f]{64}$/m },
    {
      run: "docker inspect -f '{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}' twice",
      shows: /^exited 2 1$/m,
      again: true,
    },
    { run: 'docker cp twice:/runs - | tar xO', shows: /^run\nrun\nrun$/m },
    { run: 'docker run -d --name fine --restart on-failure busybox true' },
    { run: "docker inspect -f '{{.State.Status}} {{.RestartCount}}' fine", shows: /^exited 0$/m, again: true },
    { run: 'docker run -d --name stopped --restart unless-stopped busybox sleep 100' },
    {
      run: "docker kill stopped && docker inspect -f '{{.State.Status}} {{.RestartCount}}' stopped",
      shows: /^exited 0$/m,
      again: false,
    },
    {
      run: 'docker run --rm --restart always busybox',
      exits: 125,
      shows: /[Cc]onflicting options: .*--restart and --rm/,
    },
    { run: 'docker run --restart nonsense busybox', exits: 125, shows: /invalid restart policy|nonsense/ },
    {
      run: 'docker run --restart always:3 busybox',
      exits: 125,
      shows: /maximum ?(?:retry count|RetryCount).*cannot be used with restart policy|can ?not be used/i,
    },
    { run: 'docker update --restart=on-failure:5 stopped', shows: /^stopped$/m },
    { run: policy('stopped'), shows: /^on-failure 5$/m },
    {
      run: 'docker run -d --name healthy --health-cmd "test -e /ok" --health-interval 100ms --health-retries 2 busybox sleep 100',
    },
    {
      run: 'docker ps --filter name=healthy --format "{{.Status}}"',
      shows: /\((?:health: starting|unhealthy)\)/,
      compared: 'no',
    },
    { run: "docker inspect -f '{{.State.Health.Status}}' healthy", shows: /^unhealthy$/m, again: true },
    { run: 'docker exec healthy touch /ok' },
    {
      run: 'docker ps --filter health=healthy --format "{{.Names}} {{.Status}}"',
      shows: /^healthy Up .*\(healthy\)$/m,
      again: true,
    },
    { run: 'docker rm -f always twice fine stopped healthy' },
  ],
}
