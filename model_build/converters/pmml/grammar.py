"""What of PMML is known here: each element, its attributes with the values that are, and what may stand in it.

Whatever else a file holds is refused by name: an attribute that is passed over could change every answer.
"""

from dataclasses import dataclass

NUMBER = ("number",)
"""Stands for any number, in the place of the values that an attribute may have."""

IGNORED = frozenset({"Extension", "Header", "MiningBuildTask", "ModelExplanation", "ModelStats", "ModelVerification"})
"""They tell of a model and, as the standard has it, change none of its answers. What is in them is not looked at."""
PREDICATES = ("True", "False", "SimplePredicate", "SimpleSetPredicate", "CompoundPredicate")
EXPRESSIONS = ("Constant", "FieldRef", "NormContinuous", "NormDiscrete", "Discretize", "MapValues", "Apply")
SINGLE = ("TreeModel", "RegressionModel", "GeneralRegressionModel", "NeuralNetwork", "Scorecard")
MODELS = (*SINGLE, "MiningModel")
BUILT_IN = ("MiningSchema", "Output", "Targets", "LocalTransformations")
"""What any model may have."""

_FUNCTIONS = ("regression", "classification")
_NUMBERS = ("integer", "float", "double", "boolean")
_TYPES = ("string", *_NUMBERS)
_OPTYPES = ("categorical", "ordinal", "continuous")
_CLOSURES = ("openOpen", "openClosed", "closedOpen", "closedClosed")
_OUTLIERS = ("asIs", "asMissingValues", "asExtremeValues")
_LINKS = ("none", "simplemax", "softmax", "logit", "probit", "cloglog", "exp", "loglog", "cauchit")
_ACTIVATIONS = (
    *("logistic", "tanh", "identity", "exponential", "reciprocal", "square", "Gauss", "sine", "cosine"),
    *("Elliott", "arctan", "rectifier"),
)
_COMPARISONS = ("equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual")

Values = tuple[str, ...] | None
"""The values that an attribute may have; None where any text is one."""


@dataclass(frozen=True)
class Rule:
    attributes: dict[str, Values]
    children: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    """Attributes that have to be there."""
    text: bool = False
    """Whether there may be text between its tags."""


def _model(children: tuple[str, ...], required: tuple[str, ...] = (), **attributes: Values) -> Rule:
    known: dict[str, Values] = {
        "modelName": None,
        "functionName": _FUNCTIONS,
        "algorithmName": None,
        "isScorable": ("true",),
        # What sums are kept in. It moves the last place of a number, and no more of it is promised.
        "x-mathContext": ("float", "double"),
    }
    return Rule({**known, **attributes}, (*BUILT_IN, *children), ("functionName", *required))


_NORM: Values = _LINKS
_EXPRESSED = {"dataType": _TYPES, "mapMissingTo": None, "defaultValue": None}

RULES: dict[str, Rule] = {
    "PMML": Rule({"version": None, "x-baseVersion": None}, ("DataDictionary", "TransformationDictionary", *MODELS)),
    "DataDictionary": Rule({"numberOfFields": None}, ("DataField",)),
    "DataField": Rule(
        {"name": None, "displayName": None, "optype": _OPTYPES, "dataType": _TYPES, "isCyclic": ("0",)},
        ("Value", "Interval"),
        ("name", "optype", "dataType"),
    ),
    "Value": Rule({"value": None, "displayValue": None, "property": ("valid", "invalid", "missing")}, (), ("value",)),
    "Interval": Rule({"closure": _CLOSURES, "leftMargin": NUMBER, "rightMargin": NUMBER}, (), ("closure",)),
    "TransformationDictionary": Rule({}, ("DefineFunction", "DerivedField")),
    "DefineFunction": Rule(
        {"name": None, "optype": _OPTYPES, "dataType": _TYPES}, ("ParameterField", *EXPRESSIONS), ("name",)
    ),
    "ParameterField": Rule({"name": None, "displayName": None, "optype": _OPTYPES, "dataType": _TYPES}, (), ("name",)),
    "LocalTransformations": Rule({}, ("DerivedField",)),
    "DerivedField": Rule(
        {"name": None, "displayName": None, "optype": _OPTYPES, "dataType": _TYPES},
        ("Value", *EXPRESSIONS),
        ("dataType",),
    ),
    "Constant": Rule({"dataType": _TYPES, "missing": ("true", "false")}, text=True),
    "FieldRef": Rule({"field": None, "mapMissingTo": None}, (), ("field",)),
    "NormContinuous": Rule({"field": None, "mapMissingTo": NUMBER, "outliers": _OUTLIERS}, ("LinearNorm",), ("field",)),
    "LinearNorm": Rule({"orig": NUMBER, "norm": NUMBER}, (), ("orig", "norm")),
    "NormDiscrete": Rule(
        {"field": None, "value": None, "mapMissingTo": NUMBER, "method": ("indicator",)}, (), ("field", "value")
    ),
    "Discretize": Rule({"field": None, **_EXPRESSED}, ("DiscretizeBin",), ("field",)),
    "DiscretizeBin": Rule({"binValue": None}, ("Interval",), ("binValue",)),
    "MapValues": Rule({"outputColumn": None, **_EXPRESSED}, ("FieldColumnPair", "InlineTable"), ("outputColumn",)),
    "FieldColumnPair": Rule({"field": None, "column": None}, (), ("field", "column")),
    "InlineTable": Rule({}, ("row",)),
    "Apply": Rule(
        {
            "function": None,
            "mapMissingTo": None,
            "defaultValue": None,
            "invalidValueTreatment": ("returnInvalid", "asIs", "asMissing"),
        },
        EXPRESSIONS,
        ("function",),
    ),
    "MiningSchema": Rule({}, ("MiningField",)),
    "MiningField": Rule(
        {
            "name": None,
            "usageType": ("active", "target", "predicted", "supplementary"),
            "optype": _OPTYPES,
            "importance": None,
            "outliers": _OUTLIERS,
            "lowValue": NUMBER,
            "highValue": NUMBER,
            "missingValueReplacement": None,
            "missingValueTreatment": ("asIs", "asMean", "asMode", "asMedian", "asValue", "returnInvalid"),
            "invalidValueTreatment": ("returnInvalid", "asIs", "asMissing", "asValue"),
            "invalidValueReplacement": None,
        },
        (),
        ("name",),
    ),
    "Output": Rule({}, ("OutputField",)),
    "OutputField": Rule(
        {
            "name": None,
            "displayName": None,
            "optype": _OPTYPES,
            "dataType": _TYPES,
            "targetField": None,
            "feature": ("predictedValue", "probability", "transformedValue"),
            "value": None,
            "isFinalResult": ("true", "false"),
        },
        EXPRESSIONS,
        ("name",),
    ),
    "Targets": Rule({}, ("Target",)),
    "Target": Rule(
        {
            "field": None,
            "optype": _OPTYPES,
            "castInteger": ("round", "ceiling", "floor"),
            "min": NUMBER,
            "max": NUMBER,
            "rescaleConstant": NUMBER,
            "rescaleFactor": NUMBER,
        },
        ("TargetValue",),
    ),
    "TargetValue": Rule({"value": None, "displayValue": None}),
    "True": Rule({}),
    "False": Rule({}),
    "SimplePredicate": Rule(
        {"field": None, "operator": (*_COMPARISONS, "isMissing", "isNotMissing"), "value": None},
        (),
        ("field", "operator"),
    ),
    "SimpleSetPredicate": Rule(
        {"field": None, "booleanOperator": ("isIn", "isNotIn")}, ("Array",), ("field", "booleanOperator")
    ),
    "CompoundPredicate": Rule({"booleanOperator": ("and", "or", "xor", "surrogate")}, PREDICATES, ("booleanOperator",)),
    "Array": Rule({"n": None, "type": ("string", "int", "real")}, (), ("type",), text=True),
    "TreeModel": _model(
        ("Node",),
        missingValueStrategy=("none", "nullPrediction", "lastPrediction", "defaultChild"),
        missingValuePenalty=NUMBER,
        noTrueChildStrategy=("returnNullPrediction", "returnLastPrediction"),
        splitCharacteristic=("binarySplit", "multiSplit"),
    ),
    "Node": Rule(
        {"id": None, "score": None, "recordCount": NUMBER, "defaultChild": None},
        (*PREDICATES, "ScoreDistribution", "Node"),
    ),
    "ScoreDistribution": Rule(
        {"value": None, "recordCount": NUMBER, "confidence": NUMBER, "probability": NUMBER}, (), ("value",)
    ),
    "RegressionModel": _model(
        ("RegressionTable",),
        modelType=("linearRegression", "stepwisePolynomialRegression", "logisticRegression"),
        targetFieldName=None,
        normalizationMethod=_NORM,
    ),
    "RegressionTable": Rule(
        {"intercept": NUMBER, "targetCategory": None},
        ("NumericPredictor", "CategoricalPredictor", "PredictorTerm"),
        ("intercept",),
    ),
    "NumericPredictor": Rule({"name": None, "exponent": NUMBER, "coefficient": NUMBER}, (), ("name", "coefficient")),
    "CategoricalPredictor": Rule(
        {"name": None, "value": None, "coefficient": NUMBER}, (), ("name", "value", "coefficient")
    ),
    "PredictorTerm": Rule({"name": None, "coefficient": NUMBER}, ("FieldRef",), ("coefficient",)),
    "GeneralRegressionModel": _model(
        ("ParameterList", "FactorList", "CovariateList", "PPMatrix", "ParamMatrix"),
        ("modelType",),
        modelType=("regression", "generalLinear", "multinomialLogistic", "generalizedLinear"),
        targetVariableName=None,
        targetReferenceCategory=None,
        linkFunction=("identity", "log", "logit", "probit", "cloglog", "loglog", "logc"),
        distribution=None,
        distParameter=None,
        modelDF=None,
    ),
    "ParameterList": Rule({}, ("Parameter",)),
    "Parameter": Rule({"name": None, "label": None, "referencePoint": ("0", "0.0")}, (), ("name",)),
    "FactorList": Rule({}, ("Predictor",)),
    "CovariateList": Rule({}, ("Predictor",)),
    "Predictor": Rule({"name": None, "contrastMatrixType": None}, (), ("name",)),
    "PPMatrix": Rule({}, ("PPCell",)),
    "PPCell": Rule(
        {"value": None, "predictorName": None, "parameterName": None, "targetCategory": None},
        (),
        ("value", "predictorName", "parameterName"),
    ),
    "ParamMatrix": Rule({}, ("PCell",)),
    "PCell": Rule(
        {"targetCategory": None, "parameterName": None, "beta": NUMBER, "df": None}, (), ("parameterName", "beta")
    ),
    "NeuralNetwork": _model(
        ("NeuralInputs", "NeuralLayer", "NeuralOutputs"),
        activationFunction=_ACTIVATIONS,
        normalizationMethod=("none", "simplemax", "softmax"),
        numberOfLayers=None,
    ),
    "NeuralInputs": Rule({"numberOfInputs": None}, ("NeuralInput",)),
    "NeuralInput": Rule({"id": None}, ("DerivedField",), ("id",)),
    "NeuralLayer": Rule(
        {
            "numberOfNeurons": None,
            "activationFunction": _ACTIVATIONS,
            "normalizationMethod": ("none", "simplemax", "softmax"),
        },
        ("Neuron",),
    ),
    "Neuron": Rule({"id": None, "bias": NUMBER}, ("Con",), ("id",)),
    "Con": Rule({"from": None, "weight": NUMBER}, (), ("from", "weight")),
    "NeuralOutputs": Rule({"numberOfOutputs": None}, ("NeuralOutput",)),
    "NeuralOutput": Rule({"outputNeuron": None}, ("DerivedField",), ("outputNeuron",)),
    "Scorecard": _model(
        ("Characteristics",),
        initialScore=NUMBER,
        # Reasons are not answered: an OutputField that asks for one is refused.
        useReasonCodes=("true", "false"),
        reasonCodeAlgorithm=None,
        baselineScore=NUMBER,
        baselineMethod=None,
    ),
    "Characteristics": Rule({}, ("Characteristic",)),
    "Characteristic": Rule({"name": None, "reasonCode": None, "baselineScore": NUMBER}, ("Attribute",)),
    "Attribute": Rule({"reasonCode": None, "partialScore": NUMBER}, PREDICATES, ("partialScore",)),
    "MiningModel": _model(("Segmentation",)),
    "Segmentation": Rule(
        {
            "multipleModelMethod": (
                *("majorityVote", "weightedMajorityVote", "average", "weightedAverage", "sum", "weightedSum"),
                *("median", "weightedMedian", "selectFirst", "modelChain"),
            ),
            "missingPredictionTreatment": ("continue", "returnMissing"),
        },
        ("Segment",),
        ("multipleModelMethod",),
    ),
    "Segment": Rule({"id": None, "weight": NUMBER}, (*PREDICATES, *MODELS)),
}
