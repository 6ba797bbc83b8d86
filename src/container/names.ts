import { randomInt } from 'node:crypto'

const adjectives =
  `agile amber ample ardent artful balmy bold brave breezy bright brisk calm candid careful charming cheerful clever
cosmic cozy crisp curious dapper daring dazzling deft devoted dreamy eager earnest easygoing elegant epic exact fair fearless festive
fluent fond frank frosty gallant generous gentle gifted glad golden graceful gracious grand happy hardy hearty helpful honest hopeful
humble ideal jolly jovial joyful keen kind lively loving loyal lucid lucky magical mellow merry mighty mindful modest neat nifty nimble
noble patient peaceful playful poised polite proud quick quiet quirky radiant ready relaxed robust rosy sensible serene sharp silent
sincere sleek smart snug spirited stoic sturdy sunny sweet tender thoughtful tidy tranquil trusting upbeat vibrant vigilant vivid warm
wise witty wonderful zealous zen`.split(/\s+/)

const people =
  `abel agnesi alhazen ampere archimedes aryabhata avogadro babbage banneker bardeen becquerel bell berners bernoulli bessel
bohr boltzmann boole borg bose brahe brahmagupta cannon cantor carson cauchy cerf chandra chebyshev clarke colden cori crick curie cusa
darwin davinci descartes dijkstra dirac easley edison einstein elion engelbart euclid euler faraday fermat fermi feynman fourier franklin
galileo galois gauss germain gibbs goedel goldberg goodall haibt hamilton hawking heisenberg hermite herschel hertz hilbert hodgkin
hopper hubble huygens hypatia jang jepsen johnson joliot kalam kare kepler khayyam khorana kilby kirch knuth kovalevskaya lagrange lamarr
lamport laplace lavoisier leakey leavitt leibniz liskov lovelace lumiere mahavira margulis maxwell mayer mcclintock mclean meitner mendel
mendeleev minsky mirzakhani moore morse moser napier nash newton nightingale nobel noether noyce pascal pasteur payne perlman pike planck
poincare poitras ptolemy raman ramanujan rhodes ride ritchie roentgen rosalind rubin saha sammet sanderson shannon shaw shockley sinoussi
snyder spence stonebraker swanson swartz swirles tesla tharp thompson torvalds tu turing varahamihira vaughan villani volhard wescoff
wiles williams wing wozniak wright wu yalow yonath`.split(/\s+/)

const pick = (words: readonly string[]) => words[randomInt(words.length)] as string

/** A random name in Docker's style; with a digit after `attempt` names were taken. */
export function randomName(attempt = 0): string {
  return `${pick(adjectives)}_${pick(people)}${attempt > 0 ? randomInt(10 ** Math.min(attempt, 6)) : ''}`
}
