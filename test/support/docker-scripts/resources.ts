import type { Script } from '../docker-script.js'

/** What is done with networks and volumes, and what is told of the whole. */
export const resources: Script = {
  name: 'resources',
  images: { busybox: 'busybox' },
  steps: [
    {
      run: 'docker network create --subnet 10.77.0.0/16 --ip-range 10.77.5.0/24 --gateway 10.77.5.254 --label a=b --internal inner',
      shows: /^[0-9a-f]{64}$/m,
    },
    { run: 'docker network inspect inner', shows: /"Internal": true/, compared: 'document' },
    { run: 'docker network create outer' },
    {
      run: 'docker network create --subnet 10.77.1.0/24 overlapping',
      exits: 1,
      shows: /Pool overlaps with other one on this address space/,
    },
    { run: 'docker network create -d nosuch other', exits: 1, shows: /plugin "nosuch" not found/, compared: 'no' },
    {
      run: 'docker network ls --filter label=a=b --format "{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}}"',
      shows: /^inner bridge local true$/m,
    },
    {
      run: 'docker network ls --filter type=custom --format "{{.Name}}"',
      shows: [/^inner$/m, /^outer$/m],
      compared: 'lines',
    },
    { run: 'docker run -d --name aa --network inner --ip 10.77.9.9 --network-alias nick busybox top' },
    { run: 'docker run -d --name bb --network outer busybox top' },
    { run: 'docker network connect --alias bee --ip 10.77.9.8 inner bb' },
    {
      run: 'docker network connect inner bb',
      exits: 1,
      shows: /endpoint with name bb already exists in network inner/,
    },
    { run: 'docker exec bb ping -c 1 nick', shows: / 0% packet loss/, compared: 'no' },
    { run: 'docker exec aa nslookup bee', shows: /10\.77\.9\.8/, compared: 'no' },
    { run: "docker inspect -f '{{json .NetworkSettings.Networks}}' bb", shows: /"10\.77\.9\.8"/, compared: 'document' },
    {
      run: 'docker network inspect -f "{{range .Containers}}{{.Name}} {{.IPv4Address}};{{end}}" inner',
      shows: /aa 10\.77\.9\.9\/16/,
      compared: 'no',
    },
    { run: 'docker network disconnect inner bb' },
    { run: 'docker network disconnect inner bb', exits: 1, shows: /is not connected to (?:the )?network inner/ },
    { run: 'docker network disconnect -f inner aa' },
    { run: 'docker network rm inner', shows: /^inner$/m },
    { run: 'docker network rm bridge', exits: 1, shows: /bridge is a pre-defined network and cannot be removed/ },
    {
      run: 'docker network rm no-such-network',
      exits: 1,
      shows: /(?:No such network: no-such-network|network no-such-network not found)/,
    },
    {
      run: 'docker network inspect no-such-network',
      exits: 1,
      shows: /(?:No such network: no-such-network|network no-such-network not found)/,
    },
    {
      run: 'docker run --rm --network no-such-network busybox',
      exits: 125,
      shows: /network no-such-network not found/,
    },
    { run: 'docker rm -f aa bb' },
    { run: 'docker network prune -f', shows: /^outer$/m },

    { run: 'docker volume create --label a=b kept', shows: /^kept$/m },
    { run: 'docker volume create kept', shows: /^kept$/m },
    { run: 'docker volume create', shows: /^[0-9a-f]{64}$/m },
    { run: 'docker volume create "b@d name"', exits: 1, shows: /includes invalid characters for a local volume name/ },
    { run: 'docker volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=1m,uid=99 small', shows: /^small$/m },
    { run: 'docker volume inspect kept small', shows: /"Mountpoint"/, compared: 'document' },
    {
      run: 'docker run --rm -v small:/small busybox sh -c "df -k /small | sed -n 2p; stat -c %u /small"',
      shows: [/1024/, /^99$/m],
    },
    {
      run: 'docker run --name vv -v kept:/data -v /anonymous busybox sh -c "echo kept > /data/file; echo x > /anonymous/x"',
    },
    { run: 'docker volume ls --filter dangling=true -q', shows: /^small$/m, compared: 'lines' },
    {
      run: 'docker volume ls --filter label=a=b --format "{{.Name}} {{.Driver}} {{.Labels}}"',
      shows: /^kept local a=b$/m,
    },
    { run: 'docker volume rm kept', exits: 1, shows: /volume is in use/ },
    { run: 'docker volume rm no-such-volume', exits: 1, shows: /[Nn]o such volume/ },
    {
      run: 'docker run --rm --volumes-from vv:ro busybox sh -c "cat /data/file; echo more > /data/file"',
      exits: 1,
      shows: [/^kept$/m, /Read-only file system/],
    },
    { run: 'docker run --rm --mount type=volume,source=kept,target=/m,readonly busybox cat /m/file', shows: /^kept$/m },
    {
      run: 'docker run --rm --mount type=bind,source=$PWD/nothing,target=/m busybox',
      exits: 125,
      shows: /bind source path does not exist: <?/,
    },
    { run: 'docker rm -v vv', shows: /^vv$/m },
    { run: 'docker volume prune -f', shows: /Total reclaimed space/, compared: 'no' },
    { run: 'docker volume rm -f kept small', compared: 'no' },
    { run: 'docker volume ls -q', compared: 'no' },

    { run: 'docker version --format "{{.Server.Os}}/{{.Server.Arch}}"', shows: /^linux\/amd64$/m },
    {
      run: 'docker info --format "{{.Containers}} {{.ContainersRunning}} {{.Images}} {{.OSType}} {{.Swarm.LocalNodeState}} {{.LoggingDriver}}"',
      shows: /^0 0 1 linux inactive json-file$/m,
    },
    { run: 'docker info', shows: [/Server Version: /, /Storage Driver: overlay/, /Kernel Version: /], compared: 'no' },
    { run: 'date +%s.%N', compared: 'no', into: 'SINCE' },
    { run: 'docker run --rm --name eventful -l a=b busybox true' },
    { run: 'docker tag busybox events:1 && docker rmi events:1' },
    { run: 'docker network create evented && docker network rm evented' },
    { run: 'docker volume create evented && docker volume rm evented' },
    {
      run: 'docker events --since $SINCE --until $(date +%s.%N) --format "{{.Type}} {{.Action}}"',
      shows: [/^container create$/m, /^container die$/m, /^image tag$/m, /^network connect$/m, /^volume create$/m],
    },
    {
      run: 'docker events --since $SINCE --until $(date +%s.%N) --filter container=eventful --filter event=die',
      shows: /container die [0-9a-f]{64} \(a=b, exitCode=0, (?:execDuration=\d+, )?image=busybox, name=eventful\)/,
    },
    {
      run: "docker events --since $SINCE --until $(date +%s.%N) --filter event=start --format '{{json .}}'",
      shows: /"status":"start"/,
      compared: 'document',
      masks: [[/"time(Nano)?":\d+/g, '"time$1":0']],
    },
    {
      run: 'docker events --since $SINCE --filter label=a=b --filter event=destroy',
      shows: /container destroy/,
      interrupted: true,
    },
    {
      run: 'docker system df',
      shows: [/^Images +1 +0/m, /^Containers +0/m, /^Local Volumes/m, /^Build Cache/m],
      compared: 'no',
    },
    { run: 'docker system prune -f', shows: /Total reclaimed space: /, compared: 'no' },
    { run: 'docker node ls', exits: 1, shows: /This node is not a swarm manager/ },
    { run: 'docker swarm leave', exits: 1, shows: /This node is not part of a swarm/ },
    { run: 'docker plugin ls', shows: /^ID +NAME/m },
  ],
}
