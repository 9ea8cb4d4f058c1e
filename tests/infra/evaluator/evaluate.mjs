// Answers questions about IAM policies: one JSON object a line in, one out, in the same order.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n')
}

async function answer(simulation) {
  try {
    const told = await runSimulation(simulation, {})
    return told.resultType === 'error' ? { error: told.errors } : { result: told.overallResult }
  } catch (error) {
    return { error: error.message }
  }
}
