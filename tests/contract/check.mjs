// SPDX-License-Identifier: GPL-3.0-or-later
// check.mjs SOURCE: the contract's files, judged by the tools that cloud developers use. Each schema must be JSON Schema 2020-12
// and take its own examples; asyncapi.yaml must pass AsyncAPI's own parser, warnings included.
import { Parser, fromFile } from '@asyncapi/parser';
import Ajv from 'ajv/dist/2020.js';
import fs from 'node:fs';
import path from 'node:path';

const proto = path.join(process.argv[2], 'proto');
const folder = path.join(proto, 'schema');
const ajv = new Ajv({ strict: true, strictRequired: false, strictTypes: false, allErrors: true, keywords: ['x-words'] });
const WARNING = 1; // after 0, an error
const faults = [];
let examples = 0;

function compileAll() {
    const files = fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.json'));
    const schemas = files.map((name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')));
    files.forEach((name, i) => {
        if (schemas[i].$id !== `https://stile.invalid/1/${name}`)
            faults.push(`${name}: its $id is ${schemas[i].$id}`);
    });
    schemas.forEach((schema) => ajv.addSchema(schema));
    return schemas;
}

function checkExamples(schema) {
    const validate = ajv.getSchema(schema.$id);

    (schema.examples ?? []).forEach((example, i) => {
        examples++;
        if (!validate(example))
            faults.push(`${schema.$id}: example ${i}: ${ajv.errorsText(validate.errors)}`);
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
    const { document, diagnostics } = await fromFile(parser, path.join(proto, 'asyncapi.yaml')).parse();

    for (const { code, severity, message, path: at } of diagnostics)
        if (severity <= WARNING)
            faults.push(`asyncapi.yaml: ${code}: ${message} (${at.join('.')})`);
    if (document)
        return document.operations().all().length;
    faults.push('asyncapi.yaml: is refused');
    return 0;
}

const schemas = compileAll();
schemas.forEach(checkExamples);
const operations = await checkDocument();
faults.forEach((fault) => console.log(fault));
console.log(`${schemas.length} schemas, ${examples} examples, ${operations} operations, ${faults.length} faults`);
process.exit(faults.length === 0 && examples > 0 && operations > 0 ? 0 : 1);
