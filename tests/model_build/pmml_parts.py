"""Documents of PMML of fields, expressions and models that are no trees."""

from collections.abc import Iterator

from tests.model_build.pmml_documents import (
    FIELDS,
    LABEL,
    SCHEMA,
    Growing,
    compound,
    document,
    forests,
    regression,
    simple,
    tree,
    within,
)

EXPRESSIONS = {
    "constant": '<Constant dataType="double">4.25</Constant>',
    "missing to": '<FieldRef field="a" mapMissingTo="7"/>',
    "norm": '<NormContinuous field="a"><LinearNorm orig="-1" norm="0"/><LinearNorm orig="0" norm="2"/>'
    '<LinearNorm orig="2" norm="3"/></NormContinuous>',
    "norm extreme": '<NormContinuous field="a" outliers="asExtremeValues" mapMissingTo="0.5">'
    '<LinearNorm orig="-1" norm="0"/><LinearNorm orig="2" norm="3"/></NormContinuous>',
    "norm missing": '<NormContinuous field="a" outliers="asMissingValues" mapMissingTo="0.5">'
    '<LinearNorm orig="-1" norm="0"/><LinearNorm orig="2" norm="3"/></NormContinuous>',
    "indicator": '<NormDiscrete field="city" value="Łódź" mapMissingTo="0.5"/>',
    "indicator of a number": '<NormDiscrete field="c" value="3"/>',
    "discretize": '<Discretize field="a" dataType="double" mapMissingTo="-1" defaultValue="9">'
    '<DiscretizeBin binValue="1"><Interval closure="openClosed" leftMargin="-1" rightMargin="0.5"/></DiscretizeBin>'
    '<DiscretizeBin binValue="2"><Interval closure="openOpen" leftMargin="0.5" rightMargin="2"/></DiscretizeBin>'
    "</Discretize>",
    "map": '<MapValues outputColumn="o" dataType="double" defaultValue="-2" mapMissingTo="-3">'
    '<FieldColumnPair field="city" column="i"/><FieldColumnPair field="c" column="j"/><InlineTable>'
    "<row><i>Bern</i><j>1</j><o>5</o></row><row><i>Rom</i><j>1</j><o>6</o></row><row><i>Bern</i><j>2</j><o>7</o></row>"
    "</InlineTable></MapValues>",
    "map alone": '<MapValues outputColumn="o"><FieldColumnPair field="tone" column="i"/><InlineTable>'
    "<row><i>red</i><o>1.5</o></row><row><i>a b</i><o>2.5</o></row></InlineTable></MapValues>",
    "if": '<Apply function="if"><Apply function="greaterThan"><FieldRef field="a"/><Constant>0</Constant></Apply>'
    '<FieldRef field="b"/><Apply function="*"><FieldRef field="a"/><Constant>2</Constant></Apply></Apply>',
    "if with defaults": '<Apply function="if" mapMissingTo="11" defaultValue="12"><Apply function="isIn"><FieldRef '
    'field="city"/>'
    '<Constant dataType="string">Bern</Constant><Constant dataType="string">Rom</Constant></Apply><FieldRef '
    'field="b"/></Apply>',
    "logic": '<Apply function="if"><Apply function="or"><Apply function="isMissing"><FieldRef field="a"/></Apply>'
    '<Apply function="not"><Apply function="isNotMissing"><FieldRef field="b"/></Apply></Apply></Apply>'
    "<Constant>1.0</Constant><Constant>2.0</Constant></Apply>",
    "text": '<Apply function="if"><Apply function="isMissing"><FieldRef field="tone"/></Apply>'
    "<Constant>0.0</Constant>"
    '<Apply function="if"><Apply function="equal"><FieldRef field="tone" mapMissingTo="none"/>'
    '<Constant dataType="string">a b</Constant></Apply><Constant>1.0</Constant><Constant>2.0</Constant></Apply>'
    "</Apply>",
    "polynomial": '<Apply function="+"><Apply function="pow"><FieldRef field="a"/><Constant>3</Constant></Apply>'
    '<Apply function="-"><FieldRef field="b"/><Apply function="/"><FieldRef field="a"/><Constant>7.0</Constant>'
    "</Apply></Apply>"
    "</Apply>",
    "curves": '<Apply function="sum"><Apply function="exp"><FieldRef field="a"/></Apply><Apply function="sqrt">'
    '<Apply function="abs"><FieldRef field="a"/></Apply></Apply><Apply function="ln"><Apply function="pow">'
    '<FieldRef field="a"/>'
    '<Constant>2</Constant></Apply></Apply><Apply function="log10"><Apply function="exp"><FieldRef field="a"/>'
    "</Apply></Apply>"
    '<Apply function="floor"><FieldRef field="a"/></Apply><Apply function="ceil"><FieldRef field="a"/></Apply>'
    '<Apply function="round"><FieldRef field="a"/></Apply><Apply function="threshold"><FieldRef field="a"/>'
    "<Constant>0.5</Constant></Apply></Apply>",
    "waves": '<Apply function="sum"><Apply function="sin"><FieldRef field="a"/></Apply><Apply function="cos">'
    '<FieldRef field="a"/></Apply><Apply function="tan"><FieldRef field="a"/></Apply><Apply function="tanh">'
    '<FieldRef field="a"/>'
    '</Apply><Apply function="ln1p"><Apply function="exp"><FieldRef field="a"/></Apply></Apply>'
    '<Apply function="expm1"><FieldRef field="a"/></Apply></Apply>',
    **{
        name: f'<Apply function="{name}" defaultValue="8"><FieldRef field="a"/><FieldRef field="b"/><FieldRef '
        f'field="c"/></Apply>'
        for name in ("min", "max", "sum", "avg", "product")
    },
    "defined": '<Apply function="twice"><FieldRef field="a"/></Apply>',
    "global": '<FieldRef field="everywhere"/>',
}
TRANSFORMATIONS = """<TransformationDictionary><DefineFunction name="twice" optype="continuous" dataType="double">
<ParameterField name="x"/><Apply function="*"><FieldRef field="x"/><Constant>2.0</Constant></Apply></DefineFunction>
<DerivedField name="everywhere" optype="continuous" dataType="float"><Apply function="*"><FieldRef field="a"/>
<Constant>0.1</Constant></Apply></DerivedField></TransformationDictionary>"""


def expressions() -> Iterator[tuple[str, str]]:
    for name, expression in EXPRESSIONS.items():
        local = '<LocalTransformations><DerivedField name="d" optype="continuous" '
        local += f'dataType="double">{expression}</DerivedField>'
        model = regression("d", schema=SCHEMA, inside=f"{local}</LocalTransformations>")
        yield f"expression {name}", document(model, before=TRANSFORMATIONS)


def fields() -> Iterator[tuple[str, str]]:
    treatments = {
        "replaced": 'missingValueReplacement="1.25" missingValueTreatment="asMean"',
        "refused": 'missingValueTreatment="returnInvalid"',
        "outliers missing": 'outliers="asMissingValues" lowValue="-1" highValue="1.5" missingValueReplacement="3"',
        "outliers extreme": 'outliers="asExtremeValues" lowValue="-1" highValue="1.5"',
        "invalid": "",
        "invalid as is": 'invalidValueTreatment="asIs"',
        "invalid missing": 'invalidValueTreatment="asMissing" missingValueReplacement="2"',
        "invalid replaced": 'invalidValueTreatment="asValue" invalidValueReplacement="2.5"',
    }
    ends = '<Interval closure="closedOpen" leftMargin="-2" rightMargin="0"/><Interval closure="openClosed" '
    ends += 'leftMargin="0.5"/>'
    for name, treatment in treatments.items():
        given = FIELDS.replace(
            'name="a" optype="continuous" dataType="double"/>',
            f'name="a" optype="continuous" dataType="double">{ends if "invalid" in name else ""}</DataField>',
        )
        model = regression(
            "a", schema=SCHEMA.replace('<MiningField name="a"/>', f'<MiningField name="a" {treatment}/>')
        )
        yield f"field {name}", document(model, fields=given)
    values = '<Value value="Bern"/><Value value="Köln"/><Value value="Rom"/><Value value="Ur" property="missing"/>'
    for treatment in ("returnInvalid", "asIs", "asMissing"):
        given = FIELDS.replace(
            'name="city" optype="categorical" dataType="string"/>',
            f'name="city" optype="categorical" dataType="string">{values}</DataField>',
        )
        growing = Growing()
        root = growing.node("<True/>", growing.node(within("city", "Bern", "Łódź")), growing.node("<True/>"))
        treated = f'<MiningField name="city" invalidValueTreatment="{treatment}"/>'
        schema = SCHEMA.replace('<MiningField name="city"/>', treated)
        model = tree(root, "none", "returnNullPrediction", schema=schema)
        yield f"values {treatment}", document(model, fields=given)
    targets = '<Targets><Target field="y" min="-1" max="3" rescaleFactor="2.5" rescaleConstant="0.75" '
    targets += 'castInteger="{}"/></Targets>'
    for how in ("round", "ceiling", "floor"):
        yield f"target {how}", document(regression("a", schema=SCHEMA, inside=targets.format(how)))


def regressions() -> Iterator[tuple[str, str]]:
    predictors = (
        '<NumericPredictor name="a" exponent="2" coefficient="0.3"/><NumericPredictor name="b" coefficient="{n}"/>'
        '<CategoricalPredictor name="city" value="Bern" coefficient="0.7"/><CategoricalPredictor name="city" '
        'value="Rom" '
        'coefficient="-0.4"/><PredictorTerm coefficient="0.2"><FieldRef field="a"/><FieldRef field="c"/>'
        "</PredictorTerm>"
    )
    for how in ("none", "softmax", "logit", "probit", "cloglog", "exp", "loglog", "cauchit"):
        yield (
            f"regression {how}",
            document(
                f'<RegressionModel functionName="regression" normalizationMethod="{how}">{SCHEMA}<RegressionTable '
                f'intercept="-0.5">{predictors.format(n=0.1)}</RegressionTable></RegressionModel>'
            ),
        )
    for names, hows in (
        (("low", "mid"), ("none", "logit", "probit", "cloglog", "loglog", "cauchit", "softmax", "simplemax")),
        (("low", "mid", "high"), ("none", "logit", "softmax", "simplemax")),
    ):
        for how in hows:
            tables = "".join(
                f'<RegressionTable intercept="{n + 0.25}" targetCategory="{name}">'
                f"{predictors.format(n=n / 9) if n or how not in ('none', 'simplemax') else ''}</RegressionTable>"
                for n, name in enumerate(names)
            )
            model = '<RegressionModel functionName="classification" '
            model += f'normalizationMethod="{how}">{SCHEMA}{tables}</RegressionModel>'
            label = LABEL if len(names) == 3 else LABEL.replace('<Value value="high"/>', "")
            yield f"classes {len(names)} {how}", document(model, label)
    lists = (
        '<ParameterList><Parameter name="p0"/><Parameter name="p1"/><Parameter name="p2"/><Parameter name="p3"/>'
        "</ParameterList>"
        '<FactorList><Predictor name="city"/></FactorList><CovariateList><Predictor name="a"/><Predictor '
        'name="b"/></CovariateList>'
        '<PPMatrix><PPCell value="1" predictorName="a" parameterName="p1"/><PPCell value="Bern" predictorName="city" '
        'parameterName="p2"/><PPCell value="2" predictorName="b" parameterName="p3"/><PPCell value="Rom" '
        'predictorName="city" '
        'parameterName="p3"/></PPMatrix>'
    )
    for kind, link in (
        ("generalLinear", ""),
        *(("generalizedLinear", each) for each in ("identity", "log", "logit", "probit", "cloglog", "loglog", "logc")),
    ):
        cells = "".join(f'<PCell parameterName="p{n}" beta="{0.3 - n / 7}"/>' for n in range(4))
        given = f' linkFunction="{link}"' if link else ""
        yield (
            f"general {kind} {link}",
            document(
                f'<GeneralRegressionModel functionName="regression" modelType="{kind}"{given}>{SCHEMA}{lists}'
                f"<ParamMatrix>{cells}</ParamMatrix></GeneralRegressionModel>"
            ),
        )
    cells = "".join(
        f'<PCell targetCategory="{name}" parameterName="p{n}" beta="{0.3 - n / place}"/>'
        for place, name in ((5, "low"), (9, "mid"))
        for n in range(4)
    )
    yield (
        "general multinomial",
        document(
            f'<GeneralRegressionModel functionName="classification" modelType="multinomialLogistic">{SCHEMA}{lists}'
            f"<ParamMatrix>{cells}</ParamMatrix></GeneralRegressionModel>",
            LABEL,
        ),
    )


def others() -> Iterator[tuple[str, str]]:
    activations = (
        "logistic",
        "tanh",
        "identity",
        "exponential",
        "square",
        "Gauss",
        "sine",
        "cosine",
        "Elliott",
        "arctan",
        "rectifier",
    )
    inputs = "".join(
        f'<NeuralInput id="0,{n}"><DerivedField optype="continuous" dataType="double">{each}</DerivedField>'
        f"</NeuralInput>"
        for n, each in enumerate(
            ('<FieldRef field="a"/>', '<NormDiscrete field="city" value="Bern"/>', EXPRESSIONS["norm extreme"])
        )
    )
    for activation in activations:
        layers = "".join(
            f"<NeuralLayer{how}>"
            + "".join(
                f'<Neuron id="{layer},{n}" bias="{n / 5 - 0.3}">'
                + "".join(f'<Con from="{layer - 1},{m}" weight="{(n - m + layer) / 4}"/>' for m in range(3))
                + "</Neuron>"
                for n in range(3)
            )
            + "</NeuralLayer>"
            for layer, how in ((1, ""), (2, ' activationFunction="identity"'))
        )
        output = (
            '<NeuralOutputs><NeuralOutput outputNeuron="2,1"><DerivedField optype="continuous" dataType="double">'
            "<NormContinuous "
            'field="y"><LinearNorm orig="2" norm="-9"/><LinearNorm orig="5" norm="9"/></NormContinuous>'
            "</DerivedField>"
            "</NeuralOutput></NeuralOutputs>"
        )
        if activation != "tanh":
            output = output.replace("<NormContinuous ", "<FieldRef ").replace(
                '"y"><LinearNorm orig="2" norm="-9"/><LinearNorm orig="5" norm="9"/></NormContinuous>', '"y"/>'
            )
        yield (
            f"network {activation}",
            document(
                f'<NeuralNetwork functionName="regression" '
                f'activationFunction="{activation}">{SCHEMA}<NeuralInputs>{inputs}'
                f"</NeuralInputs>{layers}{output}</NeuralNetwork>"
            ),
        )
    parts = "".join(
        f'<Characteristic name="c{n}">'
        + "".join(f'<Attribute partialScore="{score}">{predicate}</Attribute>' for score, predicate in each)
        + "</Characteristic>"
        for n, each in enumerate(
            (
                ((-3, simple("a", "isMissing")), (5, simple("a", "lessThan", 0)), (7, "<True/>")),
                (
                    (1.5, within("city", "Bern", "Rom")),
                    (2.5, compound("or", simple("c", "greaterThan", 2), simple("b", "lessThan", 1))),
                    (4, simple("tone", "isNotMissing")),
                ),
            )
        )
    )
    yield (
        "scorecard",
        document(
            f'<Scorecard functionName="regression" initialScore="10" '
            f'useReasonCodes="false">{SCHEMA}<Characteristics>{parts}'
            "</Characteristics></Scorecard>"
        ),
    )


def documents() -> dict[str, str]:
    """All of them, by name."""
    made = forests()
    for more in (expressions(), fields(), regressions(), others()):
        made |= dict(more)
    return made
