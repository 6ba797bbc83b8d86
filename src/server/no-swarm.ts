/** Docker's answer to whatever only a manager of a swarm can do. */
export const noManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'
