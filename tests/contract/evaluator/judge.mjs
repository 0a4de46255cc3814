// Asks @cloud-copilot/iam-simulate about every case of a file. One JSON line per case: number, verdict, or why it refused.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(process.argv[3] + '/')
const { runSimulation } = require('@cloud-copilot/iam-simulate')

for (const { number, verdict, ...simulation } of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const answer = await runSimulation(simulation, {})
  const theirs = answer.resultType === 'error' ? 'error' : answer.overallResult ?? answer.analysis?.result
  const why = answer.resultType === 'error' ? answer.errors : undefined
  console.log(JSON.stringify({ number, verdict: theirs, why }))
}
