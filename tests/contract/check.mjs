// SPDX-License-Identifier: GPL-3.0-or-later
// check.mjs SOURCE: the contract's files, judged by the tools that cloud developers use. Each schema must be JSON Schema 2020-12
// and take its own examples; asyncapi.yaml must pass AsyncAPI's own parser, warnings included, and have the topics of cloud.md.
import { Parser, fromFile } from '@asyncapi/parser';
import Ajv from 'ajv/dist/2020.js';
import fs from 'node:fs';
import path from 'node:path';

const source = process.argv[2];
const folder = path.join(source, 'proto', 'schema');
const profiles = path.join(source, 'config', 'profiles');
const ajv = new Ajv({ strict: true, strictRequired: false, strictTypes: false, allErrors: true, keywords: ['x-words'] });
const WARNING = 1; // after 0, an error
const faults = [];
let examples = 0;

function read(file, name) {
    const schema = JSON.parse(fs.readFileSync(file, 'utf8'));

    if (schema.$id !== `https://stile.invalid/1/${name}`)
        faults.push(`${file}: its $id is ${schema.$id}`);
    ajv.addSchema(schema);
    return schema;
}

function readAll() {
    const names = fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.json'));

    return [read(path.join(source, 'config', 'gateway.schema.json'), 'gateway.json'),
            read(path.join(profiles, 'profile.schema.json'), 'profile.json'),
            ...names.map((name) => read(path.join(folder, name), name))];
}

function checkExamples(schema) {
    const validate = ajv.getSchema(schema.$id);

    (schema.examples ?? []).forEach((example, i) => {
        examples++;
        if (!validate(example))
            faults.push(`${schema.$id}: example ${i}: ${ajv.errorsText(validate.errors)}`);
    });
}

function checkProfiles() {
    const validate = ajv.getSchema('https://stile.invalid/1/profile.json');

    fs.readdirSync(profiles).filter((name) => name.endsWith('.json') && name !== 'profile.schema.json').forEach((name) => {
        examples++;
        if (!validate(JSON.parse(fs.readFileSync(path.join(profiles, name), 'utf8'))))
            faults.push(`${name}: ${ajv.errorsText(validate.errors)}`);
    });
}

// AsyncAPI's own schemas are of an older draft; this teaches the parser ours.
const draft2020 = {
    getMimeTypes: () => ['application/schema+json;version=draft-2020-12'],
    validate({ data, path: at }) {
        return ajv.validateSchema(data) ? [] : ajv.errors.map(({ message }) => ({ message, path: at }));
    },
    parse: ({ data }) => data,
};

async function checkDocument() {
    const parser = new Parser();

    parser.registerSchemaParser(draft2020);
    const { document, diagnostics } = await fromFile(parser, path.join(source, 'proto', 'asyncapi.yaml')).parse();

    for (const { code, severity, message, path: at } of diagnostics)
        if (severity <= WARNING)
            faults.push(`asyncapi.yaml: ${code}: ${message} (${at.join('.')})`);
    if (!document) {
        faults.push('asyncapi.yaml: is refused');
        return 0;
    }
    const operations = document.operations().all();

    compare(tableRows(), operations.map(operationRow));
    return operations.length;
}

// The table of topics in cloud.md, and an operation, in the same words.
function tableRows() {
    const text = fs.readFileSync(path.join(source, 'proto', 'cloud.md'), 'utf8');

    return [...text.matchAll(/^\| `((?:up|down)\/\w+)` \| (.*?) \|/gm)].map(([, topic, retained]) =>
        `${topic}, ${topic.startsWith('up/') ? 'send' : 'receive'}, QoS ${retained.includes('QoS 0') ? 0 : 1}, retain ${retained.startsWith('yes')}`);
}

function operationRow(operation) {
    const topic = operation.channels().all()[0].address().replace('stile/1/{site}/{gateway}/', '');
    const { qos, retain } = operation.bindings().get('mqtt').json();

    return `${topic}, ${operation.action()}, QoS ${qos}, retain ${retain}`;
}

function compare(table, operations) {
    table.filter((row) => !operations.includes(row)).forEach((row) => faults.push(`asyncapi.yaml: has not "${row}" of cloud.md`));
    operations.filter((row) => !table.includes(row)).forEach((row) => faults.push(`asyncapi.yaml: has "${row}", which cloud.md has not`));
}

const schemas = readAll();
schemas.forEach(checkExamples);
checkProfiles();
const operations = await checkDocument();
faults.forEach((fault) => console.log(fault));
console.log(`${schemas.length} schemas, ${examples} examples, ${operations} operations, ${faults.length} faults`);
process.exit(faults.length === 0 && examples > 0 && operations > 0 ? 0 : 1);
