import type { Script } from '../docker-script.js'
import { aptMasks, debianThatInstalls } from './made-images.js'

const base = debianThatInstalls('debian', 'debian:wheezy', 'python:3.4')
const install = 'FROM debian:wheezy\nRUN apt-get update && apt-get install -y cowsay fortune\n'
/** As often as there was time for. */
const ticks = [[/(?:tick\n)+/g, 'tick\n']] as const

/** The second of the seeds: a reader's notes of a book. */
export const usingDocker: Script = {
  name: 'using-docker',
  images: { ...base.images, redis: 'redis', nginx: 'nginx', 'postgres:15': 'postgres' },
  packages: true,
  registries: true,
  files: {
    ...base.files,
    'postgres/Dockerfile': 'FROM postgres:15\nVOLUME /var/lib/postgresql/data\n',
    'first/Dockerfile': install,
    'second/Dockerfile': `${install}ENTRYPOINT ["/usr/games/cowsay"]\n`,
    'third/Dockerfile': `FROM debian
RUN apt-get update && apt-get install -y cowsay fortune
COPY entrypoint.sh / 
ENTRYPOINT ["/entrypoint.sh"]
`,
    'third/entrypoint.sh': `#!/bin/bash
if [ $# -eq 0 ]; then
	/usr/games/fortune | /usr/games/cowsay
else
	/usr/games/cowsay "$@"
fi
`,
    'webserver/Dockerfile': 'FROM debian:wheezy\nRUN mkdir /data && echo of the image > /data/file\nVOLUME /data\n',
    'identidock/Dockerfile': `FROM python:3.4
RUN groupadd -r uwsgi && useradd -r -g uwsgi uwsgi
RUN pip install Flask==0.10.1 uWSGI==2.0.8
WORKDIR /app
COPY app /app
EXPOSE 9090 9191
USER uwsgi
CMD ["uwsgi", "--http", "0.0.0.0:9090", "--wsgi-file", "/app/identidock.py", "--callable", "app", "--stats", "0.0.0.0:9191"]
`,
    'identidock/app/identidock.py': `from flask import Flask
app = Flask(__name__)

@app.route('/')
def hello_world():
    return 'Hello World!\\n'
`,
  },
  before: [
    ...base.before,
    'docker tag redis $HUB/amouat/revealjs && docker push --quiet $HUB/amouat/revealjs && docker rmi $HUB/amouat/revealjs',
    'docker build --quiet --tag postgres postgres',
    'docker rmi flask',
  ],
  steps: [
    { run: 'docker run debian echo "Hello World"', shows: /^Hello World$/m },
    {
      run: 'docker run -i -t debian /bin/bash',
      terminal: [
        ['# ', 'echo "Hello from Container-land!"\r'],
        ['# ', 'exit\r'],
      ],
      shows: /^Hello from Container-land!\r?$/m,
    },
    {
      run: 'docker run -h CONTAINER --name boring_euclid -i -t debian /bin/bash',
      terminal: [
        ['root@CONTAINER:/# ', 'mv /bin /basket\r'],
        ['root@CONTAINER:/# ', 'exit\r'],
      ],
    },
    { run: 'docker inspect boring_euclid', shows: /"Hostname": "CONTAINER"/, compared: 'document' },
    { run: 'docker inspect --format {{.NetworkSettings.IPAddress}} boring_euclid' },
    { run: 'docker diff boring_euclid', shows: [/^D \/bin$/m, /^A \/basket$/m], compared: 'lines' },
    { run: 'docker logs boring_euclid', shows: /mv \/bin \/basket/ },
    { run: 'docker ps', hides: /boring_euclid/ },
    { run: 'docker ps -a', shows: /boring_euclid/ },
    { run: 'docker rm -v $(docker ps -aq -f status=exited)' },
    { run: 'docker ps -aq', hides: /[0-9a-f]/ },
    {
      run: 'docker run -it --name cowsay --hostname cowsay debian bash',
      terminal: [
        ['root@cowsay:/# ', 'apt-get -qq update && apt-get -qq install -y cowsay >/dev/null 2>&1; echo done\r'],
        ['\ndone', ''],
        ['root@cowsay:/# ', '/usr/games/cowsay "Moo"\r'],
        ['root@cowsay:/# ', 'exit\r'],
      ],
      shows: /< Moo >/,
    },
    { run: 'docker commit cowsay test/cowsayimage', shows: /^sha256:[0-9a-f]{64}$/m },
    { run: 'docker run test/cowsayimage /usr/games/cowsay "Moo"', shows: /< Moo >/ },
    { run: 'cd first && docker build -t test/cowsay-dockerfile .', shows: /^Successfully built/m, masks: aptMasks },
    { run: 'docker run test/cowsay-dockerfile /usr/games/cowsay "Moo"', shows: /< Moo >/ },
    { run: 'cd second && docker build -t test/cowsay-dockerfile .', shows: /^ ---> Using cache/m, masks: aptMasks },
    { run: 'docker run test/cowsay-dockerfile "Moo"', shows: /< Moo >/ },
    { run: 'cd third && docker build -t test/cowsay-dockerfile .', shows: /^Step 4\/4 : ENTRYPOINT/m, masks: aptMasks },
    { run: 'docker run test/cowsay-dockerfile', shows: /< You will build many images\. >/ },
    { run: 'docker run test/cowsay-dockerfile Hello Moo', shows: /< Hello Moo >/ },
    { run: 'docker pull $HUB/amouat/revealjs:latest', shows: /Status: Downloaded/, compared: 'lines' },

    'docker run --name myredis -d redis',
    {
      run: 'docker run --rm -it --link myredis:redis redis /bin/bash',
      terminal: [
        // redis-cli asks a terminal that has no size for one, and waits.
        ['/data# ', 'stty rows 24 cols 80; redis-cli -h redis -p 6379\r'],
        ['redis:6379> ', 'ping\r'],
        ['PONG', ''],
        ['redis:6379> ', 'set "abc" 123\r'],
        ['\nOK', ''],
        ['redis:6379> ', 'get "abc"\r'],
        ['\n"123"', ''],
        ['redis:6379> ', 'exit\r'],
        ['/data# ', 'exit\r'],
      ],
      compared: 'no',
      shows: [/PONG/, /^"123"\r?$/m],
    },
    { run: 'docker run --rm --link myredis:redis redis redis-cli -h redis ping', shows: /^PONG$/m },
    { run: 'docker run --rm --link myredis:redis redis redis-cli -h redis get abc', shows: /^123$/m },
    { run: 'docker run --rm --link myredis:redis redis redis-cli -h redis set persistence test', shows: /^OK$/m },
    { run: 'docker run --rm --link myredis:redis redis redis-cli -h redis save', shows: /^OK$/m },
    'docker stop myredis',
    'docker rm -v myredis',
    'docker run --name myredis -v /data -d redis',
    { run: 'docker exec myredis redis-cli set persistence test', shows: /^OK$/m, again: true },
    { run: 'docker exec myredis redis-cli save', shows: /^OK$/m },
    { run: 'docker run --rm --volumes-from myredis -v $(pwd)/backup:/backup debian cp /data/dump.rdb /backup/' },
    { run: 'ls backup', shows: /^dump\.rdb$/m },
    { run: 'docker stop myredis' },
    { run: 'docker rm -v myredis' },
    { run: 'docker rm -f $(docker ps -aq)', compared: 'no' },
    { run: 'docker volume ls -q', hides: /./ },

    { run: 'docker build -q -t test/webserver webserver', shows: /^sha256:/ },
    { run: 'docker run test/webserver cat /data/file', shows: /^of the image$/m },
    { run: 'docker run -v /data test/webserver cat /data/file', shows: /^of the image$/m },
    { run: 'docker run -d -p 8000:80 --name nginx nginx' },
    { run: 'curl -s localhost:8000', shows: /Welcome to nginx/, again: true },
    { run: 'docker run -d -P nginx', into: 'ID' },
    { run: 'docker port $ID 80', shows: /^0\.0\.0\.0:\d+$/m },
    { run: 'docker port $ID 80 | grep -o "^0.0.0.0:[0-9]*"', into: 'ADDRESS' },
    { run: 'curl -s $ADDRESS', shows: /Welcome to nginx/, again: true },
    { run: 'docker stop nginx', shows: /^nginx$/m },
    { run: "docker inspect -f '{{.State.ExitCode}}' nginx", shows: /^0$/m },
    { run: 'docker rm -f $ID nginx' },

    {
      run: 'docker run -it --name container-test -h CONTAINER -v /data debian /bin/bash',
      terminal: [
        ['root@CONTAINER:/# ', 'ls /data; touch /data/test-file\r'],
        ['root@CONTAINER:/# ', 'exit\r'],
      ],
    },
    { run: 'docker inspect -f {{.Mounts}} container-test', shows: /_data \/data local/ },
    {
      run: 'docker run -it -h NEWCONTAINER --volumes-from container-test debian /bin/bash',
      terminal: [
        ['root@NEWCONTAINER:/# ', 'ls /data\r'],
        ['root@NEWCONTAINER:/# ', 'exit\r'],
      ],
      shows: /^test-file\r?$/m,
    },
    {
      run: 'mkdir data; echo of the host > data/file; docker run -v $PWD/data:/data debian ls /data',
      shows: /^file$/m,
    },
    {
      run: 'docker run --name dbdata postgres echo "Data-only container for postgres"',
      shows: /^Data-only container for postgres$/m,
    },
    { run: 'docker run -d --volumes-from dbdata --name db1 -e POSTGRES_PASSWORD=docker postgres' },
    { run: 'docker exec db1 psql -U postgres -Atc "select 6 * 7"', shows: /^42$/m, again: true },
    { run: 'docker run --rm --volumes-from dbdata debian cat /var/lib/postgresql/data/PG_VERSION', shows: /^15$/m },
    { run: 'docker rm -f db1' },

    { run: 'docker run -d --name ticker debian sh -c "while true; do echo \'tick\'; sleep 1; done;"', into: 'ID' },
    { run: 'docker attach --sig-proxy=false $ID', shows: /^tick$/m, interrupted: true, masks: ticks },
    { run: 'docker exec $ID echo "Hello"', shows: /^Hello$/m },
    {
      run: 'docker exec -it $ID /bin/bash',
      terminal: [
        ['# ', 'ls -d /usr\r'],
        ['# ', 'exit\r'],
      ],
      shows: /^\/usr\r?$/m,
    },
    { run: 'docker kill $ID' },
    {
      run: `docker run -d debian bash -c "trap 'echo caught' SIGTRAP; echo ready; while true; do sleep 0.1; done;"`,
      into: 'ID',
    },
    { run: 'docker logs $ID', shows: /^ready$/m, again: true },
    { run: 'docker kill -s SIGTRAP $ID', shows: /^[0-9a-f]{64}$/m },
    { run: 'docker logs $ID', shows: /^caught$/m, again: true },
    { run: 'docker pause $ID', shows: /^[0-9a-f]{64}$/m },
    { run: 'docker ps', shows: /Up .* \(Paused\)/ },
    { run: 'docker exec $ID true', exits: 1, shows: /is paused/ },
    { run: 'docker unpause $ID', shows: /^[0-9a-f]{64}$/m },
    { run: 'docker restart -t 0 $ID', shows: /^[0-9a-f]{64}$/m },
    { run: 'docker kill $ID', shows: /^[0-9a-f]{64}$/m },
    { run: 'docker kill $ID', exits: 1, shows: /is not running/ },
    { run: 'docker info', shows: [/Containers: \d+/, /Storage Driver:/], compared: 'no' },
    { run: 'docker help run', shows: /Usage: {2}docker run/ },

    { run: 'docker run -d debian touch /NEW-FILE', into: 'ID' },
    { run: 'docker wait $ID', shows: /^0$/m },
    { run: 'docker diff $ID', shows: /^A \/NEW-FILE$/m },
    {
      run: 'docker export $ID | docker import - flatten:test',
      shows: /^sha256:[0-9a-f]{64}$/m,
    },
    { run: 'docker history flatten:test', shows: /Imported from -/ },
    { run: 'docker run --rm flatten:test ls /NEW-FILE', shows: /^\/NEW-FILE$/m },
    { run: 'docker tag flatten:test flatten:old && docker commit $ID flatten:test' },
    { run: 'docker rmi flatten:old' },
    { run: 'docker images -q -f dangling=true' },
    'docker save -o redis.tar redis:latest',
    { run: 'docker rmi redis:latest $HUB/amouat/revealjs', shows: [/^Untagged: redis:latest$/m, /^Deleted: sha256:/m] },
    {
      run: 'docker load -i redis.tar',
      shows: /^Loaded image: redis:latest$/m,
      masks: [[/^[0-9a-f]+: Loading.*\n/gm, '']],
    },
    { run: 'docker images redis', shows: /^redis +latest/m },
    { run: 'docker images -q redis', into: 'IMAGE' },
    'docker tag $IMAGE newname',
    'docker tag newname:latest amouat/newname',
    'docker tag newname:latest amouat/newname:newtag',
    'docker tag newname:latest myregistry.com:5000/newname:newtag',
    {
      run: 'docker images --filter reference="*newname*" --filter reference="*/*newname"',
      shows: /^amouat\/newname +newtag/m,
      compared: 'lines',
    },
    { run: 'docker rmi $IMAGE', exits: 1, shows: /must be forced.*image is referenced in multiple repositories/ },
    { run: 'docker rmi -f $IMAGE', compared: 'lines' },

    { run: 'docker build -t identidock identidock', shows: /^Successfully tagged identidock:latest$/m },
    { run: 'docker run -d -P --name port-test identidock' },
    {
      run: 'docker port port-test',
      shows: [/^9090\/tcp -> 0\.0\.0\.0:\d+$/m, /^9191\/tcp -> 0\.0\.0\.0:\d+$/m],
      compared: 'lines',
    },
    { run: "docker port port-test 9090 | sed -n 's/0.0.0.0://p'", into: 'PORT' },
    { run: 'curl -s localhost:$PORT', shows: /^Hello World!$/m, again: true },
    { run: 'docker exec port-test id -un', shows: /^uwsgi$/m },
    {
      run: 'sed -i s/World/Mount/ identidock/app/identidock.py && docker run -d -P --name mounted -v "$PWD"/identidock/app:/app identidock',
    },
    { run: "docker port mounted 9090 | sed -n 's/0.0.0.0://p'", into: 'PORT' },
    { run: 'curl -s localhost:$PORT', shows: /^Hello Mount!$/m, again: true },
    { run: 'docker rm -f $(docker ps -aq)', compared: 'no' },
  ],
}
