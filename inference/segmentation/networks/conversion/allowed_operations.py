"""TensorFlow's operations that only compute: numbers in, numbers out.

TensorFlow has about 1,900 operations, and its registry does not tell which of them touch files:
some that it calls stateless do. So this is a list of what may run; what is missing from it may
not.
Each name is one of https://www.tensorflow.org/api_docs/python/tf/raw_ops.
"""

ELEMENTWISE = frozenset(
    """Abs Acos Acosh Add AddN AddV2 ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BiasAdd
    BitwiseAnd BitwiseOr BitwiseXor Bitcast Bucketize Cast Ceil ClipByValue Cos Cosh Cumprod
    Cumsum Digamma Div DivNoNan Elu Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv
    FloorMod Greater GreaterEqual Inv Invert IsFinite IsInf IsNan LeakyRelu Less
    LessEqual Lgamma Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr Maximum
    Minimum Mod Mul MulNoNan Neg NotEqual Pow RealDiv Reciprocal Relu Relu6 Rint Round
    Rsqrt Select SelectV2 Selu Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt
    Square SquaredDifference Sub Tan Tanh TruncateDiv TruncateMod Xdivy Xlog1py Xlogy""".split()
)
WINDOWS = frozenset(
    """AvgPool AvgPool3D BatchMatMul BatchMatMulV2 BatchMatMulV3 Conv2D
    Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D Conv3DBackpropInputV2
    DepthwiseConv2dNative Dilation2D Einsum ExtractImagePatches FusedBatchNorm
    FusedBatchNormV2 FusedBatchNormV3 L2Loss LRN MatMul MaxPool MaxPool3D MaxPoolV2
    MaxPoolWithArgmax""".split()
)
REDUCING = frozenset("All Any EuclideanNorm Max Mean Min Prod Sum".split())
MOVING = frozenset(
    """BatchToSpace BatchToSpaceND BroadcastArgs BroadcastTo Concat ConcatOffset
    ConcatV2 CropAndResize DepthToSpace Diag DiagPart DynamicPartition DynamicStitch
    EnsureShape ExpandDims Fill Gather GatherNd GatherV2 InvertPermutation LinSpace
    MatrixBandPart MatrixDiag MirrorPad OneHot OnesLike Pack Pad PadV2 Range Rank
    Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor Reverse
    ReverseSequence ReverseV2 Roll ScaleAndTranslate ScatterNd Shape ShapeN Size Slice
    SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze StridedSlice
    TensorScatterAdd TensorScatterUpdate Tile TopK TopKV2 Transpose Unpack Where
    ZerosLike""".split()
)
# weights, calls of other functions (which are looked at, too), control flow, and what does nothing
STRUCTURE = frozenset(
    """AssignAddVariableOp AssignSubVariableOp AssignVariableOp Case Const
    DisableCopyOnRead If Identity IdentityN NoOp PartitionedCall Placeholder
    PlaceholderWithDefault PreventGradient ReadVariableOp Snapshot
    StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile StopGradient
    VarHandleOp VarIsInitializedOp While""".split()
)
# layers such as Dropout hold them, and do not run them when they predict
RANDOM = frozenset(
    """RandomStandardNormal RandomUniform RandomUniformInt
    StatelessRandomGetKeyCounter StatelessRandomNormalV2 StatelessRandomUniformV2
    StatelessTruncatedNormalV2 TruncatedNormal""".split()
)
ALLOWED = ELEMENTWISE | WINDOWS | REDUCING | MOVING | STRUCTURE | RANDOM
