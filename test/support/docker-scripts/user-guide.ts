import type { Script } from '../docker-script.js'
import { aptMasks, debianThatInstalls, helloMasks, topMasks, trainingPostgres } from './made-images.js'

const base = debianThatInstalls('ubuntu', 'ubuntu:14.04', 'training/sinatra')
const networks = "--format='{{json .NetworkSettings.Networks}}'"

/** The fourth of the seeds: the user guide, retold. */
export const userGuide: Script = {
  name: 'user-guide',
  images: { ...base.images, 'training/webapp': 'flask', busybox: 'busybox', 'postgres:15': 'postgres' },
  packages: true,
  registries: true,
  files: {
    ...base.files,
    ...trainingPostgres.files,
    'sinatra/Dockerfile': `# This is a comment
FROM ubuntu:14.04
MAINTAINER Kate Smith <ksmith@example.com>
RUN apt-get update && apt-get install -y ruby ruby-dev
RUN gem install sinatra
`,
    'hello/Dockerfile': 'FROM scratch\nCOPY echo /bin/echo\nCMD ["/bin/echo", "Hello from Docker."]\n',
  },
  before: [
    ...base.before,
    ...trainingPostgres.before,
    'cp /bin/busybox hello/echo && docker build --quiet --tag $HUB/hello-world hello',
    'docker tag ubuntu $HUB/centos && docker tag ubuntu $HUB/training/sinatra',
    'for name in hello-world centos training/sinatra; do docker push --quiet $HUB/$name && docker rmi $HUB/$name; done',
    'docker rmi flask',
  ],
  steps: [
    {
      run: 'docker run $HUB/hello-world',
      shows: [/Unable to find image/, /Status: Downloaded newer image/, /^Hello from Docker\.$/m],
    },
    { run: "docker run ubuntu /bin/echo 'Hello world'", shows: /^Hello world$/m },
    {
      run: 'docker run -t -i ubuntu /bin/bash',
      terminal: [
        ['# ', 'pwd\r'],
        ['# ', 'ls -d /bin /boot /dev\r'],
        ['# ', '\x04'],
      ],
      shows: /^\/bin {2}\/boot {2}\/dev\r?$/m,
    },
    {
      run: 'docker run -d --name insane_babbage ubuntu /bin/sh -c "while true; do echo hello world; sleep 1; done"',
      shows: /^[0-9a-f]{64}$/m,
    },
    { run: 'docker ps', shows: /insane_babbage/ },
    { run: 'docker logs insane_babbage', shows: /^hello world$/m, again: true, masks: helloMasks },
    { run: 'docker stop -t 0 insane_babbage', shows: /^insane_babbage$/m },
    { run: 'docker ps', hides: /insane_babbage/ },
    'docker run -d -P --name nostalgic_morse training/webapp python app.py',
    { run: 'docker ps -l', shows: /0\.0\.0\.0:\d+->5000\/tcp.*nostalgic_morse/ },
    { run: "docker port nostalgic_morse 5000 | sed -n 's/0.0.0.0://p'", into: 'PORT' },
    { run: 'curl -s localhost:$PORT', shows: /Hello world!/, again: true },
    { run: 'docker logs -f nostalgic_morse', shows: /GET \//, interrupted: true },
    { run: 'docker top nostalgic_morse', shows: /python app\.py/, masks: topMasks },
    { run: 'docker top nostalgic_morse -o pid,user,comm', shows: /root +python/, masks: topMasks },
    { run: 'docker inspect nostalgic_morse', shows: /"Path": "python"/, compared: 'document' },
    {
      run: "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' nostalgic_morse",
      shows: /^172\.17\./m,
    },
    { run: 'docker stop -t 0 nostalgic_morse' },
    { run: 'docker start nostalgic_morse' },
    { run: 'docker rm nostalgic_morse', exits: 1, shows: /cannot remove a running container/ },
    { run: 'docker stop -t 0 nostalgic_morse' },
    { run: 'docker rm nostalgic_morse' },
    { run: 'docker images', shows: /^training\/webapp +latest/m, compared: 'lines' },
    {
      run: 'docker run --rm -h guide -t -i ubuntu:14.04 /bin/bash',
      terminal: [['root@guide:/# ', 'exit\r']],
    },
    { run: 'docker pull $HUB/centos', shows: /Status: Downloaded newer image/, compared: 'lines' },
    { run: 'docker search $INDEX/sinatra', shows: /^training\/sinatra/m },
    { run: 'docker pull $HUB/training/sinatra', shows: /Status: Downloaded newer image/, compared: 'lines' },
    {
      run: 'docker run --name sinatra -h sinatra -t -i training/sinatra /bin/bash',
      terminal: [
        ['root@sinatra:/# ', 'mkdir -p /var/lib/gems/json\r'],
        ['root@sinatra:/# ', 'exit\r'],
      ],
    },
    { run: 'docker commit -m "Added json gem" -a "Kate Smith" sinatra ouruser/sinatra:v2', shows: /^sha256:/ },
    { run: 'docker images ouruser/sinatra', shows: /^ouruser\/sinatra +v2/m },
    { run: 'docker history ouruser/sinatra:v2', shows: /Added json gem/ },
    { run: 'docker run --rm ouruser/sinatra:v2 ls /var/lib/gems', shows: /^json$/m },
    {
      run: 'docker build -t ouruser/sinatra:v2 sinatra',
      shows: [/^Step 1\/4 : FROM ubuntu:14\.04$/m, /^Successfully built/m],
      masks: aptMasks,
    },
    { run: 'docker build -t ouruser/sinatra:v2 sinatra', shows: /^ ---> Using cache$/m },
    { run: "docker inspect -f '{{.Author}}' ouruser/sinatra:v2", shows: /^Kate Smith <ksmith@example\.com>$/m },
    { run: 'docker history --no-trunc --format "{{.CreatedBy}}" ouruser/sinatra:v2', shows: /gem install sinatra/ },
    { run: 'docker tag $(docker images -q ouruser/sinatra:v2) ouruser/sinatra:devel' },
    { run: 'docker images ouruser/sinatra', shows: /^ouruser\/sinatra +devel/m, compared: 'lines' },
    {
      run: 'docker tag ouruser/sinatra:devel $HUB/ouruser/sinatra && docker push $HUB/ouruser/sinatra',
      shows: /^latest: digest: sha256:/m,
      compared: 'lines',
    },
    {
      run: 'docker rmi training/sinatra $HUB/training/sinatra',
      exits: 0,
      shows: /^Untagged: training\/sinatra:latest$/m,
    },

    'docker run -d -P --name web training/webapp python app.py',
    { run: 'docker ps -l', shows: / web$/m },
    { run: 'docker stop -t 0 web' },
    { run: 'docker rm web' },
    { run: 'docker network ls', shows: /bridge +bridge/, compared: 'lines' },
    'docker run -itd --name=networktest ubuntu',
    { run: "docker network inspect -f '{{range .Containers}}{{.Name}}{{end}}' bridge", shows: /^networktest$/m },
    'docker network disconnect bridge networktest',
    { run: "docker network inspect -f '{{len .Containers}}' bridge", shows: /^0$/m },
    'docker network create -d bridge my-bridge-network',
    { run: 'docker network inspect my-bridge-network', compared: 'document' },
    'docker run -d --net=my-bridge-network --name db training/postgres',
    { run: `docker inspect ${networks} db`, compared: 'document' },
    'docker run -d --name web training/webapp python app.py',
    { run: `docker inspect ${networks} web`, compared: 'document' },
    'docker network connect my-bridge-network web',
    { run: 'docker exec db ping -c 1 web', shows: / 0% packet loss/, compared: 'no' },
    {
      run: 'docker exec -it db bash',
      terminal: [
        ['# ', 'ping web\r'],
        ['ttl=', '\x03'],
        ['packet loss', ''],
        ['# ', 'exit\r'],
      ],
      exits: 0,
      compared: 'no',
    },
    { run: 'docker rm -f web db networktest' },
    { run: 'docker network rm my-bridge-network' },

    'docker run -d -P --name web -v /webapp training/webapp python app.py',
    { run: 'docker inspect -f "{{json .Mounts}}" web', shows: /"Type":"volume"/, compared: 'document' },
    { run: 'docker rm -f -v web' },
    'docker create -v /dbdata --name dbstore training/postgres /bin/true',
    'docker run -d --volumes-from dbstore --name db1 training/postgres',
    'docker run -d --name db3 --volumes-from db1 training/postgres',
    { run: 'docker exec db1 touch /dbdata/file && docker exec db3 ls /dbdata', shows: /^file$/m },
    {
      run: 'docker run --rm --volumes-from dbstore -v $(pwd):/backup ubuntu tar cvf /backup/backup.tar /dbdata',
      shows: /^\/dbdata\/file$/m,
    },
    { run: 'docker rm -f -v db1 db3 dbstore' },
    { run: 'docker volume ls -q', hides: /./ },
  ],
}
